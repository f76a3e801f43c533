#include "client/platform/keymap_sdl.h"

#include <SDL2/SDL_keyboard.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the key named by the `size` characters at `text` for `control`. */
static Status take_key(Keymap *keymap, Control control, const char *text, size_t size, Diag *diag)
{
    char name[64];
    while (size > 0 && is_space(*text)) {
        text++;
        size--;
    }
    while (size > 0 && is_space(text[size - 1])) {
        size--;
    }
    if (size == 0) {
        return STATUS_OK;
    }
    SDL_Scancode code = SDL_SCANCODE_UNKNOWN;
    if (size < sizeof name) {
        memcpy(name, text, size);
        name[size] = '\0';
        code = SDL_GetScancodeFromName(name);
    }
    if (code == SDL_SCANCODE_UNKNOWN) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, NULL, 0, "control '%s': there is no key '%.*s'",
                        control_name(control), (int)(size < 64 ? size : 64), text);
    }
    keymap->control[code] = (uint8_t)control;
    return STATUS_OK;
}

static Status take_list(Keymap *keymap, Control control, const char *list, Diag *diag)
{
    for (;;) {
        size_t size = strcspn(list, ",");
        Status status = take_key(keymap, control, list, size, diag);
        if (status != STATUS_OK || list[size] == '\0') {
            return status;
        }
        list += size + 1;
    }
}

/* Keys a person chose take precedence over the defaults of the controls left alone, so defaults come first.
 */
Status keymap_build(const char *const *keys, Keymap *out_keymap, Diag *diag)
{
    Keymap keymap;
    memset(keymap.control, CONTROL_COUNT, sizeof keymap.control);
    for (int chosen = 0; chosen <= 1; chosen++) {
        for (int i = 0; i < CONTROL_COUNT; i++) {
            const char *list = keys ? keys[i] : NULL;
            if ((list != NULL) != (chosen != 0)) {
                continue;
            }
            Control control = (Control)i;
            Status status = take_list(&keymap, control, list ? list : control_default_keys(control), diag);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    *out_keymap = keymap;
    return STATUS_OK;
}
