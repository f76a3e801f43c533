/* shadow_fit.h - where the sun's shadow map looks from. Pure. */
#ifndef CLIENT_RENDER_SHADOW_FIT_H
#define CLIENT_RENDER_SHADOW_FIT_H
#include "client/render/renderer.h"

typedef struct ShadowFit {
    mat4 view_projection; /* world → clip, orthographic */
    float texel;          /* metres a texel covers */
    float half;           /* metres from the centre to an edge */
    float depth;          /* metres from the near to the far plane */
} ShadowFit;

/* Fits a square map of `size` texels around the environment's shadow focus. The centre moves in whole steps
 * of an eighth of the radius, and a step is a whole number of texels: the map stays the same while the focus
 * moves within a step, and shadow edges do not crawl when it moves on. */
void shadow_fit(const RenderEnvironment *environment, uint32_t size, ShadowFit *out_fit);

/* The unit vector towards the sun; straight up when the environment's is zero or not finite. */
void shadow_sun_direction(const RenderEnvironment *environment, vec3 out_direction);

#endif
