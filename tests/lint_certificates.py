"""Lints every certificate in a folder with pkilint, as its lint_pkix_cert does one; prints findings of level ERROR and up."""

import sys
from pathlib import Path

from pkilint import loader, report
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingSeverity

validator = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
linted = found = 0
for path in sorted(Path(sys.argv[1]).glob("*.pem")):
    results = validator.validate(loader.load_pem_certificate(path.read_text(), path.name).root)
    count = report.get_findings_count(results, ValidationFindingSeverity.ERROR)
    linted, found = linted + 1, found + count
    if count:
        print(path.name, report.ReportGeneratorPlaintext(results, ValidationFindingSeverity.ERROR).generate())
print(f"{linted} linted, {found} errors")
