"""Weak RSA keys, and what badkeys says of them: a line of JSON each.

Factors are made here, except of the keys below: those were published with badkeys (tests/data, github.com/badkeys/badkeys).
Where badkeys speaks of the modulus alone, it is asked with the exponent that the key has.
"""

import base64
import json
import random

import gmpy2
from badkeys import checks

CHECKS = ["fermat", "roca", "rsainvalid", "sharedprimes", "smallfactors"]

# Found by crt.sh as id 5534506057: it shares a factor with other certificates' keys.
SHARED = """
MIIBCgKCAQEAtQS720djHoBY2eXEDsMNGi6GWY/B37TyGO6tAgQJnweAvk5ABi3AKaOJzHQLmqpkzzh92z2FHzZpKoOiy4Eq0tt4J20zgFPiYdAG5mff
TcgtMhymCXBcAaUjuZCcyYIIDdENnaP3wTPo0FEdWozb0/4+SNJ1IhlwyQGUu77mAHgr3Q2j/GqY0RSIbikmgV7NUpf6PA8JAlm2+lQQj9YjurMI5K9B
QZPRGm84E2nSe4zT2NkaKrzObH+mFd5dRlzi00FXaMF06ViYiwKgW27ef1ZCD3Z0yFZ7uaNaGAnflsOUsoaMutSkQPs0JEAVmnVkjCfpTKylM9D/B0Zj
utZspQIDAQAB"""
# Made by the library of CVE-2017-15361.
ROCA = """
MIIBCgKCAQEAkTKtIR/MDftNrkgyashkwifks5Swm9HEkw4ZcCijyQdpTStInk9pdUrq4zjG6tk5xX9AaYXLu47fmiBVzClGvAXTZbpn6JbG1IERUs+i
0pBRT5CzUu7vJ/63L72NzVvJFaT0SUE5zByhCjJE+pflMnX1e1UptOdnN5AHeY4RKkugVse3XO2xMs3yH3vTyZdtnaOIFRU0d6E7PrsgRtEAqFHcAGmP
Uw0ZOW8A++8sS/FlnrxMf9lVa1/8k/A8otPfrNIipfAoq0MKJ+oxE2wML1DDxIGTGmNaN3gPANJyeuca7ptA+NGq5oU1x3pWMXgSvrVSXUooNk8xIkrK
xSz3LQIDAQAB"""

draw = random.Random(20261122)


def prime(bits):
    """A prime whose two highest bits are set, so that products have twice its length."""
    return int(gmpy2.next_prime(draw.getrandbits(bits) | 3 << (bits - 2)))


def roca_prime(bits):
    """k·M + (65537^a mod M), as the flawed library made them."""
    primorial = 1
    for small in (p for p in range(2, 168) if gmpy2.is_prime(p)):
        primorial *= small
    while True:
        k = draw.randrange((3 << (bits - 2)) // primorial + 1, (1 << bits) // primorial - 1)
        found = k * primorial + pow(65537, draw.getrandbits(200), primorial)
        if gmpy2.is_prime(found):
            return found


def composite(bits, factor):
    """A number of so many bits that `factor` divides, and no other small prime."""
    return prime(bits - factor.bit_length()) * factor


def tlv(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def spki(n, e):
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    key = tlv(0x30, integer(n) + integer(e))
    return tlv(0x30, algorithm + tlv(3, b"\0" + key))


def csr(public_key):
    """A CSR with this key. Its signature is none: the key is looked at before."""
    name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403") + tlv(12, b"weak.example.com"))))
    info = tlv(0x30, integer(0) + name + public_key + tlv(0xA0, b""))
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d01010b0500"))
    return tlv(0x30, info + algorithm + tlv(3, b"\0" + b"\1" * 256))


def published(text):
    der = base64.b64decode(text)
    length = int.from_bytes(der[6:8], "big")
    return int.from_bytes(der[8 : 8 + length], "big"), 65537


near = prime(1024)
keys = {
    "sound": (prime(1024) * prime(1024), 65537),
    "sound_3072": (prime(1536) * prime(1536), 65537),
    "sound_4096": (prime(2048) * prime(2048), 65537),
    "close": (near * int(gmpy2.next_prime(near)), 65537),
    "square": (near * near, 65537),
    "roca": (roca_prime(1024) * roca_prime(1024), 65537),
    "roca_published": published(ROCA),
    "shared": published(SHARED),
    "small_factor": (composite(2048, 3), 65537),
    "factor_of_five_digits": (composite(2048, 60013), 65537),
    "exponent_1": (prime(1024) * prime(1024), 1),
    "exponent_2": (prime(1024) * prime(1024), 2),
    "exponent_3": (prime(1024) * prime(1024), 3),
    "exponent_even": (prime(1024) * prime(1024), 65536),
}
for name, (n, e) in keys.items():
    found = sorted(checks.checkrsa(n, e=e, checks=CHECKS))
    public_key = spki(n, e)
    print(json.dumps({"name": name, "bits": n.bit_length(), "found": found, "spki": public_key.hex(),
                      "csr": base64.b64encode(csr(public_key)).decode()}))
