"""The kinds of files there are, in the order in which a new company brings them."""

from exchange.services.booked import Bookings
from exchange.services.clients import Clients
from exchange.services.drivers import Drivers
from exchange.services.kind import Kind
from exchange.services.places import Places
from exchange.services.repeated import Series
from exchange.services.shifts import Shifts
from exchange.services.vehicles import Vehicles

AnyKind = type[Kind | Bookings]
KINDS: dict[str, AnyKind] = {
    kind.slug: kind for kind in (Places, Vehicles, Drivers, Clients, Shifts, Series, Bookings)
}
EXPORTED = {slug: kind for slug, kind in KINDS.items() if issubclass(kind, Kind)}
