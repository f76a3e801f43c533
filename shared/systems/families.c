#include "shared/systems/families.h"

#include <string.h>

static const FamilyRule rules[] = {
#define FAMILY_RULE(id, NAME, schema, interface, sender, receiver) \
    { NAME, #NAME, schema, INTERFACE_##interface, SYSTEM_##sender, SYSTEM_##receiver },
    FAMILY_TABLE(FAMILY_RULE)
#undef FAMILY_RULE
};

static const char *const kind_names[] = {
#define SYSTEM_KIND_NAME(name, text) [SYSTEM_##name] = text,
    SYSTEM_KIND_TABLE(SYSTEM_KIND_NAME)
#undef SYSTEM_KIND_NAME
};

static const struct {
    const char *name;
    bool final;
} states[] = {
#define COMMAND_STATE_ROW(name, text, final) [COMMAND_##name] = { text, final },
    COMMAND_STATE_TABLE(COMMAND_STATE_ROW)
#undef COMMAND_STATE_ROW
};

const FamilyRule *family_rule(uint8_t id)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if ((uint8_t)rules[i].id == id) {
            return &rules[i];
        }
    }
    return NULL;
}

const char *interface_name(Interface interface)
{
    switch (interface) {
    case INTERFACE_DII:
        return "DII";
    case INTERFACE_MII:
        return "MII";
    case INTERFACE_SII:
        return "SII";
    case INTERFACE_NONE:
    case INTERFACE_COUNT:
        break;
    }
    return "?";
}

const char *system_kind_name(SystemKind kind)
{
    return kind > SYSTEM_NONE && kind < SYSTEM_KIND_COUNT ? kind_names[kind] : "?";
}

SystemKind system_kind_parse(const char *text)
{
    for (int kind = SYSTEM_NONE + 1; kind < SYSTEM_KIND_COUNT; kind++) {
        if (strcmp(kind_names[kind], text) == 0) {
            return (SystemKind)kind;
        }
    }
    return SYSTEM_NONE;
}

bool system_name_valid(const char *name)
{
    size_t size = strnlen(name, SYSTEM_NAME_SIZE);
    return size > 0 && size < SYSTEM_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == size;
}

const char *command_state_name(CommandState state)
{
    return state > COMMAND_NONE && state < COMMAND_STATE_COUNT ? states[state].name : "?";
}

CommandState command_state_parse(const char *text)
{
    for (int state = COMMAND_NONE + 1; state < COMMAND_STATE_COUNT; state++) {
        if (strcmp(states[state].name, text) == 0) {
            return (CommandState)state;
        }
    }
    return COMMAND_NONE;
}

bool command_state_final(CommandState state)
{
    return state > COMMAND_NONE && state < COMMAND_STATE_COUNT && states[state].final;
}
