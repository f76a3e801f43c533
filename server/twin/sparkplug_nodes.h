/* sparkplug_nodes.h - what a host application knows of edge nodes, their devices and metrics: births, deaths,
 * sequence numbers, aliases. Bounded: what does not fit is refused, and a table of metrics that is full is
 * forgotten as a whole, so that every node is asked to be born again. Pure. */
#ifndef SERVER_TWIN_SPARKPLUG_NODES_H
#define SERVER_TWIN_SPARKPLUG_NODES_H
#include "server/twin/sparkplug.h"
#include "server/twin/sparkplug_mapping.h"
#include "shared/mqtt/thing_index.h"

#define SPARKPLUG_NODES_MAX 1024
#define SPARKPLUG_NONE      UINT32_MAX

typedef struct SparkplugNode {
    char group[SPARKPLUG_NAME_MAX + 1], edge[SPARKPLUG_NAME_MAX + 1];
    bool in_step; /* born, and no message missed since */
    bool has_bd_seq;
    uint8_t next_seq;
    uint64_t bd_seq;
    uint32_t births; /* aliases of another birth are void */
    TimeNs asked;    /* when it was asked to be born again; TIME_NONE: not since it was born */
} SparkplugNode;

/* A device of a node; the one without a name is the node itself. */
typedef struct SparkplugDevice {
    uint32_t node;
    bool online;
    uint32_t births;
    char name[SPARKPLUG_NAME_MAX + 1];
} SparkplugDevice;

/* A metric as its birth declared it. */
typedef struct SparkplugKnown {
    uint64_t hash; /* of device and name; 0: free */
    uint32_t device;
    uint32_t births; /* of its device, when it was declared last */
    uint32_t name, name_size;
    uint32_t type;
    SparkplugTarget target;
} SparkplugKnown;

typedef struct SparkplugNodes SparkplugNodes; /* opaque; lives in its arena */

/* `mapping` and `index` are borrowed. STATUS_OUT_OF_MEMORY. */
NODISCARD Status sparkplug_nodes_create(const SparkplugMapping *mapping, const ThingIndex *index,
                                        Arena *arena, SparkplugNodes **out_nodes);

/* The node, made where `make` and there is room; SPARKPLUG_NONE. Names are not terminated. */
uint32_t sparkplug_nodes_find(SparkplugNodes *nodes, Bytes group, Bytes edge, bool make);
SparkplugNode *sparkplug_node(SparkplugNodes *nodes, uint32_t node);
uint32_t sparkplug_nodes_count(const SparkplugNodes *nodes);

/* A device of `node`, by its name (empty: the node itself). */
uint32_t sparkplug_device_find(SparkplugNodes *nodes, uint32_t node, Bytes name, bool make);
SparkplugDevice *sparkplug_device(SparkplugNodes *nodes, uint32_t device);

/* A birth of `device` begins: what it declared before is void. That of a node voids its devices too. */
void sparkplug_born(SparkplugNodes *nodes, uint32_t device);

/* The metric of a birth is declared: bound by the mapping, and found by its alias from now on. NULL when it
 * cannot be: no name, or names and aliases beyond all bounds (then all is forgotten, and no node is in step).
 */
const SparkplugKnown *sparkplug_declare(SparkplugNodes *nodes, uint32_t device,
                                        const SparkplugMetric *metric);

/* The metric of a message about `device`, by its alias or else its name; NULL when it was not declared. */
const SparkplugKnown *sparkplug_known(const SparkplugNodes *nodes, uint32_t device,
                                      const SparkplugMetric *metric);

/* The metric behind a property, NULL when none was born; *out_name is its name, terminated. */
const SparkplugKnown *sparkplug_route(const SparkplugNodes *nodes, uint32_t thing, uint8_t property,
                                      const char **out_name);

#endif
