#include "client/render/shadow_fit.h"

#include <cglm/cglm.h>

static const float DEFAULT_RADIUS = 40.0F;
static const float MARGIN = 1.125F; /* the map covers this times the radius: room for one step */

void shadow_sun_direction(const RenderEnvironment *environment, vec3 out_direction)
{
    float length = glm_vec3_norm((float *)environment->sun_direction);
    if (!(length > 1e-6F) || !isfinite(length)) {
        glm_vec3_copy((vec3){ 0.0F, 1.0F, 0.0F }, out_direction);
        return;
    }
    glm_vec3_scale((float *)environment->sun_direction, 1.0F / length, out_direction);
}

void shadow_fit(const RenderEnvironment *environment, uint32_t size, ShadowFit *out_fit)
{
    float radius = environment->shadow_radius > 0.0F ? environment->shadow_radius : DEFAULT_RADIUS;
    float half = radius * MARGIN;
    float texel = 2.0F * half / (float)size;
    float step = texel * fmaxf(1.0F, floorf(radius / 8.0F / texel));

    vec3 sun;
    vec3 right;
    vec3 up;
    shadow_sun_direction(environment, sun);
    vec3 helper = { 0.0F, 1.0F, 0.0F };
    if (fabsf(sun[1]) > 0.99F) {
        glm_vec3_copy((vec3){ 0.0F, 0.0F, -1.0F }, helper);
    }
    glm_vec3_crossn(helper, sun, right);
    glm_vec3_cross(sun, right, up);

    float *axes[3] = { right, up, sun };
    float centre[3];
    for (int i = 0; i < 3; i++) {
        float along = glm_vec3_dot(axes[i], (float *)environment->shadow_focus);
        centre[i] = isfinite(along) ? roundf(along / step) * step : 0.0F;
    }
    /* Deep enough for the ground under a low sun; casters beyond the near end are clamped onto it. */
    float depth_half = 2.0F * radius + 20.0F;
    float scale[3] = { 1.0F / half, 1.0F / half, -1.0F / depth_half };
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 3; column++) {
            out_fit->view_projection[column][row] = axes[row][column] * scale[row];
        }
        out_fit->view_projection[3][row] = -centre[row] * scale[row];
        out_fit->view_projection[row][3] = 0.0F;
    }
    out_fit->view_projection[3][3] = 1.0F;
    out_fit->texel = texel;
    out_fit->half = half;
    out_fit->depth = 2.0F * depth_half;
}
