/* sim_feed.h - a physical world in the same process as a feed: what a Field measures becomes samples,
 * commands go straight to its devices, which answer at once. Pure. */
#ifndef SERVER_TWIN_SIM_FEED_H
#define SERVER_TWIN_SIM_FEED_H
#include "server/twin/feed.h"

#define SIM_FEED_ANSWERS 256 /* that wait to be taken; a command beyond is STATUS_CAPACITY and not done */

/* Every poll also tells the field that the link is alive. The source clock is the field's, so it is live: it
 * has neither speed nor pause. `field` is borrowed; the things are those of the world it was made for. The
 * caller owns *out_feed (ops->destroy). STATUS_OUT_OF_MEMORY. */
NODISCARD Status sim_feed_create(Field field, Feed *out_feed);

#endif
