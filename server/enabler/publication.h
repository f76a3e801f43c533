/* publication.h - what a twin system has published: Thing Descriptions and the things that have them. Taken
 * in pages, good as a whole when the last has come. Untrusted. Pure. */
#ifndef SERVER_ENABLER_PUBLICATION_H
#define SERVER_ENABLER_PUBLICATION_H
#include "shared/model/json.h"
#include "shared/model/world.h"

#define PUBLICATION_MODELS_MAX 4096u
#define PUBLICATION_MODEL_SIZE \
    ((size_t)256 << 10) /* most bytes of one Thing Description, as it is passed on */

typedef struct PublishedThing {
    const char *id, *title;
    uint32_t model;
    uint32_t values; /* where its values begin in an array over all things */
} PublishedThing;

/* Zeroed: empty. */
typedef struct Publication {
    Arena arena;        /* everything lives here */
    ThingModel *models; /* their json is without blanks */
    PublishedThing *things;
    uint32_t model_count, model_capacity, thing_count, thing_capacity;
    uint32_t value_count;
    Thing *schema;   /* one a thing, as SYNC counts them; made by publication_seal */
    uint32_t *slots; /* index + 1 of a thing by the hash of its id; 0: free. Made by publication_seal */
    uint32_t slot_mask;
    uint64_t fingerprint; /* of all texts, in order */
} Publication;

void publication_finish(Publication *publication);

/* Adds the members first_model, models, first_thing and things of `root`. A page that begins at 0, 0 begins
 * anew. Errors are reported at the document (json_fail), the publication is then to be finished. `name` says
 * whose it is in messages. */
void publication_add_page(Publication *publication, const JsonNode *root, const char *name,
                          uint32_t things_max);

/* After the last page: indexes the ids. STATUS_DUPLICATE (with *out_id), STATUS_OUT_OF_MEMORY. */
NODISCARD Status publication_seal(Publication *publication, const char **out_id);

/* The index of the thing called `id`, or -1. The publication is sealed, or empty. */
int64_t publication_thing(const Publication *publication, const char *id);

/* Writes one page of JSON into `out` (arena): models from `first_model`, then things from `first_thing`, at
 * most about `size_max` bytes but at least one of what is left; members as INTERFACES.md has them, after the
 * text `head` (which ends before them). `*out_last` when nothing is left. STATUS_OUT_OF_MEMORY. */
NODISCARD Status publication_write_page(const Publication *publication, uint32_t first_model,
                                        uint32_t first_thing, size_t size_max, const char *head, Arena *arena,
                                        Bytes *out, bool *out_last);

#endif
