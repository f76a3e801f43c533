/* keymap_sdl.h - which key means which control. Private to this folder. */
#ifndef CLIENT_PLATFORM_KEYMAP_SDL_H
#define CLIENT_PLATFORM_KEYMAP_SDL_H
#include "client/platform/platform.h"

#include <SDL2/SDL_scancode.h>

/* Control of each scancode, or CONTROL_COUNT. One key means one control: the last to name it wins. */
typedef struct Keymap {
    uint8_t control[SDL_NUM_SCANCODES];
} Keymap;

/* Builds the map from `keys` (as PlatformConfig.keys, or NULL). STATUS_INVALID_ARGUMENT with `diag` naming
 * the control and the key that does not exist; *out_keymap is then unchanged. */
NODISCARD Status keymap_build(const char *const *keys, Keymap *out_keymap, Diag *diag);

#endif
