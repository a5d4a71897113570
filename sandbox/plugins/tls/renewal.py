"""When a certificate is to be renewed; pure."""

import datetime
from collections.abc import Mapping
from typing import Any


def ready_for_renewal(properties: Mapping[str, Any], now: datetime.datetime) -> bool:
    """Whether the certificate has at most `earlyRenewalHours` left of its validity.

    `properties` has `validityEndTime` in the form of RFC 3339.
    """
    end = datetime.datetime.fromisoformat(properties["validityEndTime"])
    return now >= end - datetime.timedelta(hours=properties["earlyRenewalHours"])
