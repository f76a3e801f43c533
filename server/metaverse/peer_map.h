/* peer_map.h - from the transport's peer to the session's slot: open addressing, storage from an arena, no
 * memory taken after creation. Pure. */
#ifndef SERVER_METAVERSE_PEER_MAP_H
#define SERVER_METAVERSE_PEER_MAP_H
#include "shared/base/arena.h"
#include "shared/base/status.h"
#include "shared/wire/transport.h"

typedef struct PeerSlot {
    PeerId peer; /* 0: free */
    uint16_t value;
} PeerSlot;

typedef struct PeerMap {
    PeerSlot *slots;
    uint32_t mask; /* slots - 1, a power of two less one */
} PeerMap;

/* Room for `capacity` peers at a load of at most a half. STATUS_OUT_OF_MEMORY. */
NODISCARD Status peer_map_create(PeerMap *map, uint32_t capacity, Arena *arena);

/* `peer` is not 0 and not in the map; there is room. */
void peer_map_add(PeerMap *map, PeerId peer, uint16_t value);
void peer_map_remove(PeerMap *map, PeerId peer);

/* True and *out_value when `peer` is in the map. */
bool peer_map_find(const PeerMap *map, PeerId peer, uint16_t *out_value);

#endif
