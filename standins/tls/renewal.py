"""When a certificate is to be renewed; pure."""

import datetime
from collections.abc import Mapping
from typing import Any

from standins.values import UNKNOWN


def renewed_at_once(inputs: Mapping[str, Any]) -> Any:
    """Whether a certificate of these inputs is inside its renewal window from the start.

    `UNKNOWN` where the hours are not known yet.
    """
    validity, early = inputs["validityPeriodHours"], inputs["earlyRenewalHours"]
    if UNKNOWN in (validity, early):
        return UNKNOWN
    return early >= validity


def ready_for_renewal(properties: Mapping[str, Any], now: datetime.datetime) -> bool:
    """Whether the certificate has at most `earlyRenewalHours` left of its validity.

    `properties` has `validityEndTime` in the form of RFC 3339. Hours that are not known yet do not
    renew anything.
    """
    early = properties["earlyRenewalHours"]
    if early is UNKNOWN:
        return False
    end = datetime.datetime.fromisoformat(properties["validityEndTime"])
    return now >= end - datetime.timedelta(hours=early)
