/* bus_join.h - one hub made of two: the endpoints of this process and those of others, as the enabler sees
 * them when some of the systems share its process. A message goes to whichever has an endpoint of that name;
 * give bus_net_hub_create a `taken` that asks bus_local_attached, so that no name is on both. Pure. */
#ifndef SHARED_SYSTEMS_BUS_JOIN_H
#define SHARED_SYSTEMS_BUS_JOIN_H
#include "shared/systems/bus.h"

/* On success owns both hubs. STATUS_OUT_OF_MEMORY. */
NODISCARD Status bus_join_create(Bus first, Bus second, Bus *out_hub);

#endif
