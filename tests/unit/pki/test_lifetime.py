"""A generated intermediate ends with its root at the latest, and is not replaced without need."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mesh.pki.lifetime import Lifetime, lifetime
from tests.builders.certificates import Authority, authority

NOW = datetime.now(UTC)
WANTED = Lifetime(hours=17520, renew_before_hours=4320)
NEAR = authority("root", days=(-275, 90))
OTHER = authority("other", days=(-275, 90))


def decided(root: Authority, current: Authority | None = None, *, days: float = 0, **wanted: int) -> Lifetime:
    """The lifetime some days from now, for the key of the current certificate."""
    key = ""
    if current:
        public = current.key.public_key()
        key = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return lifetime(
        Lifetime(**wanted) if wanted else WANTED,
        root=root.pem,
        public_key=key or None,
        current=current.pem if current else "",
        now=NOW + timedelta(days=days),
    )


def test_under_a_root_that_lasts_it_is_as_configured() -> None:
    """Whatever the cluster has."""
    root = authority("root", days=(-1, 3650))
    assert decided(root) == decided(root, authority("x", issuer=NEAR)) == WANTED


def test_under_a_root_with_90_days_left_it_ends_with_it() -> None:
    """And is not renewed, since it could not last longer."""
    found = decided(NEAR)
    assert found.renew_before_hours == 0
    assert 90 * 24 - 2 <= found.hours <= 90 * 24


def test_what_ends_with_its_root_is_not_replaced_at_each_run() -> None:
    """The hours are those of the certificate, to its last day."""
    own = authority("own", issuer=NEAR, days=(0, 90 - 1 / 24))
    for days in (0, 1, 45, 89):
        assert decided(NEAR, own, days=days) == Lifetime(hours=2159, renew_before_hours=0)


def test_one_of_the_configured_length_stays_until_it_is_due() -> None:
    """Then the next one ends with the root."""
    own = authority("own", issuer=NEAR, days=(-40, 60))
    wanted = {"hours": 2400, "renew_before_hours": 240}
    assert decided(NEAR, own, **wanted) == Lifetime(**wanted)
    due = decided(NEAR, own, days=51, **wanted)
    assert due.renew_before_hours == 0
    assert due.hours <= 39 * 24


def test_one_that_outlives_its_root_or_is_anothers_does_not_count() -> None:
    """It would set the length of the next one."""
    late = authority("late", issuer=NEAR, days=(0, 730), outlives=True)
    for current in (late, authority("x", issuer=OTHER)):
        assert decided(NEAR, current).hours <= 90 * 24
    own = authority("own", issuer=NEAR, days=(0, 90 - 1 / 24))
    found = lifetime(WANTED, root=NEAR.pem, public_key=None, current=own.pem, now=NOW + timedelta(days=30))
    assert found.hours <= 60 * 24
