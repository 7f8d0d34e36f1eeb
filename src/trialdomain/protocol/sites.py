"""The sites of a trial, each with its time zone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import attrs

from trialdomain.protocol.faults import unless
from trialdomain.protocol.in_part import having
from trialdomain.values.ids import CodeInvalid, check_id


@attrs.frozen(kw_only=True)
class Site:
    """A site at which participants are treated; a participant's dates and times are those of their site."""

    id: str
    """A code, such as ``"B1"``; the consent of a participant names it."""
    zone: str
    """The site's IANA time zone, such as ``Europe/Berlin``."""


def site_faults(sites: Sequence[Site]) -> Iterator[str | None]:
    """Yield the faults of the sites of a protocol: a wrong code, an unknown zone, a code that two sites have."""
    for number, site in enumerate(sites, start=1):
        if having([site], "id"):
            try:
                check_id("site", site.id)
            except CodeInvalid as error:
                yield str(error)
        if having([site], "zone"):
            named = f"site {site.id}" if having([site], "id") else f"sites[{number}]"
            yield unless(is_known_zone(site.zone), f"{named}: zone {site.zone!r} is not in the IANA time zone database")
    for code, count in Counter(site.id for site in having(sites, "id")).items():
        yield unless(count == 1, f"site {code} is listed {count} times")


def is_known_zone(zone: str | None) -> bool:
    """Return whether the IANA time zone database has a zone; True for None."""
    try:
        return zone is None or bool(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # not a zone name, or a missing file
        return False
