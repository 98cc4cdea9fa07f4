//! What is counted where.

use time::macros::date;

use super::*;

fn kind(last_day: Date, expired: bool, certificates: u64) -> Kind {
    Kind {
        issuer: "One".into(),
        key_algorithm: "ecdsa_p256".into(),
        certificate_type: Some("tls_server".into()),
        origin: "issued".into(),
        archived: false,
        expired,
        last_day,
        certificates,
    }
}

const TODAY: Date = date!(2026 - 11 - 22); // a Sunday
const EVERYWHERE: Lists = Lists { organization: None };

#[test]
fn a_day_counts_for_every_window_that_it_is_in() {
    let kinds = [
        kind(date!(2026 - 11 - 22), true, 1),
        kind(date!(2026 - 11 - 22), false, 2),
        kind(date!(2026 - 11 - 29), false, 4),
        kind(date!(2026 - 11 - 30), false, 8),
        Kind { archived: true, ..kind(date!(2026 - 11 - 25), false, 16) },
    ];
    let figures = CertificateFigures::of(&kinds, TODAY, &EVERYWHERE);
    assert_eq!((figures.total, figures.active, figures.expired, figures.archived), (15, 14, 1, 16));
    let expiring: Vec<_> = figures.expiring.iter().map(|one| (one.within_days, one.count)).collect();
    assert_eq!(expiring, [(7, 6), (14, 14), (30, 14), (60, 14), (90, 14), (180, 14)]);
    assert_eq!(
        figures.expiring[0].list,
        "/api/v1/certificates?status=active&notAfter%5Blt%5D=2026-11-30T00%3A00%3A00Z&sort=notAfter"
    );
    let weeks: Vec<_> = figures.by_week.iter().take(3).map(|week| (week.from.as_str(), week.count)).collect();
    assert_eq!(weeks, [("2026-11-16", 2), ("2026-11-23", 4), ("2026-11-30", 8)]);
    assert_eq!(figures.by_week.len(), 26);
}

#[test]
fn words_are_counted_among_what_is_active() {
    let foreign = Kind {
        origin: "imported".into(),
        certificate_type: None,
        issuer: "A & B".into(),
        ..kind(TODAY, false, 3)
    };
    let kinds = [kind(TODAY, false, 5), foreign, kind(date!(2026 - 01 - 01), true, 9)];
    let lists = Lists { organization: None };
    let figures = CertificateFigures::of(&kinds, TODAY, &lists);
    let words =
        |counted: &[Counted]| counted.iter().map(|one| (one.name.clone(), one.count)).collect::<Vec<_>>();
    assert_eq!(
        words(&figures.by_status_word),
        [("expired".into(), 9), ("issued".into(), 5), ("external".into(), 3)]
    );
    assert_eq!(words(&figures.by_certificate_type), [("tls_server".into(), 5)]);
    assert_eq!(words(&figures.by_origin), [("issued".into(), 5), ("imported".into(), 3)]);
    assert_eq!(
        figures.by_issuer[1].list.as_deref(),
        Some("/api/v1/certificates?status=active&issuerName=A+%26+B")
    );
}

#[test]
fn beyond_ten_issuers_the_others_are_one() {
    let kinds: Vec<Kind> =
        (0..13_u64).map(|n| Kind { issuer: format!("CA {n}"), ..kind(TODAY, false, 100 - n) }).collect();
    let figures = CertificateFigures::of(&kinds, TODAY, &EVERYWHERE);
    assert_eq!(figures.by_issuer.len(), 11);
    let last = &figures.by_issuer[10];
    assert_eq!((last.name.as_deref(), last.count), (None, 90 + 89 + 88));
}
