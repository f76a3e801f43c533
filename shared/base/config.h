/* config.h - settings from an INI file in memory (inih): sections, keys, typed values.
 * A '#' or ';' begins a comment; a key may be repeated where a list is meant. Every complaint names file,
 * line and key. Pure: the text is passed in. */
#ifndef SHARED_BASE_CONFIG_H
#define SHARED_BASE_CONFIG_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"

#define CONFIG_ENTRIES_MAX 1024
#define CONFIG_LINE_MAX    197 /* bytes of one line: what inih's buffer takes */

typedef struct ConfigEntry {
    const char *section, *key, *value; /* "" for keys before the first section */
    unsigned line;
    bool used; /* a getter has asked for it */
} ConfigEntry;

typedef struct Config {
    const char *path; /* for messages */
    ConfigEntry *entries;
    uint32_t count;
} Config;

/* Reads `text` (untrusted). `path` names it in messages. On failure *out_config is unchanged and `diag` names
 * path and line: STATUS_MALFORMED (not "key = value", an unclosed section, a NUL byte), STATUS_OUT_OF_RANGE
 * (a line longer than CONFIG_LINE_MAX), STATUS_CAPACITY (too many entries), STATUS_OUT_OF_MEMORY. */
NODISCARD Status config_parse(Bytes text, const char *path, Arena *arena, Config *out_config, Diag *diag);

/* The getters leave *inout_value alone (the default) when the key is absent. STATUS_MALFORMED for a value of
 * another type, STATUS_OUT_OF_RANGE outside minimum..maximum, STATUS_DUPLICATE when the key is there twice;
 * `diag` names path, line and key. Texts live in the arena of config_parse. */
NODISCARD Status config_text(Config *config, const char *section, const char *key, const char **inout_value,
                             Diag *diag);
NODISCARD Status config_integer(Config *config, const char *section, const char *key, int64_t minimum,
                                int64_t maximum, int64_t *inout_value, Diag *diag);
NODISCARD Status config_real(Config *config, const char *section, const char *key, double minimum,
                             double maximum, double *inout_value, Diag *diag);
NODISCARD Status config_bool(Config *config, const char *section, const char *key, bool *inout_value,
                             Diag *diag);

/* The next entry of `section` with `key` after `after` (NULL: the first), marked as used; NULL when there is
 * none. For lists. */
const ConfigEntry *config_next(Config *config, const char *section, const char *key,
                               const ConfigEntry *after);

/* STATUS_NOT_FOUND and `diag` for the first key in `section` that no getter asked for: a misspelling. */
NODISCARD Status config_check_known(const Config *config, const char *section, Diag *diag);

/* ---- values as text, also used for the command line ---- */

/* Decimal whole number, all of `text`. STATUS_MALFORMED, STATUS_OUT_OF_RANGE beyond int64. */
NODISCARD Status config_read_integer(const char *text, int64_t *out_value);

/* Finite decimal number, all of `text`. STATUS_MALFORMED, STATUS_OUT_OF_RANGE when it overflows. */
NODISCARD Status config_read_real(const char *text, double *out_value);

/* true/yes/on/1 or false/no/off/0. STATUS_MALFORMED. */
NODISCARD Status config_read_bool(const char *text, bool *out_value);

#endif
