/* json.h - reads an untrusted JSON document and says where it is wrong: file, line and JSON pointer.
 * A thin layer over jansson, which keeps no positions: the line is looked up in the text only when an error
 * is reported. Errors are sticky: the first one is kept in the document and its Diag, later reads give their
 * fallback, so a loader reads straight through and tests `document.status` before it uses anything. Pure. */
#ifndef SHARED_MODEL_JSON_H
#define SHARED_MODEL_JSON_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"

#include <jansson.h>

#define JSON_DEPTH_MAX  32
#define JSON_VALUES_MAX 2000000 /* bounds what a hostile text makes jansson allocate */

typedef struct JsonDocument {
    const char *path; /* borrowed; names the file in messages */
    Bytes text;       /* borrowed */
    json_t *root;
    Arena *arena;  /* borrowed; owns the texts that json_read_text gives */
    Diag *diag;    /* borrowed; may be NULL */
    Status status; /* of the first error */
} JsonDocument;

/* A value and the way to it. A node is valid while its document and the node it was taken from are. `value`
 * is NULL when the member is absent; every function below takes such a node. */
typedef struct JsonNode {
    JsonDocument *document;
    json_t *value;
    const struct JsonNode *parent; /* NULL for the root */
    const char *key;               /* when the parent is an object */
    size_t index;                  /* when the parent is an array */
} JsonNode;

/* Parses `text`. A NUL byte or escape, a duplicate key, bad UTF-8, more than JSON_DEPTH_MAX levels or
 * JSON_VALUES_MAX values are STATUS_MALFORMED; STATUS_OUT_OF_MEMORY. On success the caller calls
 * json_document_finish; on failure there is nothing to finish, though it is allowed. */
NODISCARD Status json_document_parse(JsonDocument *document, Bytes text, const char *path, Arena *arena,
                                     Diag *diag);
void json_document_finish(JsonDocument *document);
JsonNode json_document_root(JsonDocument *document);

/* Reports an error at `node` ("path:line: /pointer: text") unless one was reported before; the line is that
 * of the parent when the node is absent. Returns the document's status. */
Status json_fail(const JsonNode *node, Status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The member `key` of an object; absent when there is none, when `object` is no object, or after an error.
 * json_required reports the absence. */
JsonNode json_member(const JsonNode *object, const char *key);
JsonNode json_required(const JsonNode *object, const char *key);

/* Reports a member of `object` whose key is not among `keys` (ended by NULL), and an `object` that is none.
 */
void json_known_keys(const JsonNode *object, const char *const *keys);

/* The number of elements of an array; reports what is no array, or has not `minimum`..`maximum` elements,
 * and is 0 then and when absent. */
size_t json_array_size_in(const JsonNode *array, size_t minimum, size_t maximum);
JsonNode json_element(const JsonNode *array, size_t index);

/* Walks the members of an object in the order of the text:
 *     JsonNode member;
 *     for (void *i = json_members(&object); json_next(&object, &i, &member);) */
void *json_members(const JsonNode *object);
bool json_next(const JsonNode *object, void **iterator, JsonNode *out_member);

/* Typed values. An absent node gives `fallback`; a wrong type or range is reported and gives it too. */
double json_read_number(const JsonNode *node, double minimum, double maximum, double fallback);
bool json_read_boolean(const JsonNode *node, bool fallback);
/* A copy of a text of `minimum`..`maximum` bytes without control characters. `fallback` may be NULL. */
const char *json_read_text(const JsonNode *node, size_t minimum, size_t maximum, const char *fallback);
/* An array of exactly `count` numbers within ±limit; `out` is unchanged when absent or wrong. */
void json_read_vector(const JsonNode *node, size_t count, double limit, float *out);

#endif
