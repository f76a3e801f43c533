/* Camera, light and air of a frame, as the shaders read them. */
#include "client/render/renderer_gl.h"

#include <cglm/cglm.h>

static void set_rgb(vec4 out, const vec3 rgb, float w)
{
    for (int i = 0; i < 3; i++) {
        out[i] = rgb[i];
    }
    out[3] = w;
}

/* Diffuse light from the dome, the horizon's ring and the ground. Light that has bounced between surfaces a
 * few times has lost much of the sky's blue and some of its strength: what reaches a real shadow is greyer
 * than the sky above it. */
static void set_ambient(const RenderEnvironment *environment, FrameUniforms *out)
{
    static const float STRENGTH = 0.85F;
    static const float GREY = 0.45F;
    vec3 up;
    vec3 side;
    for (int i = 0; i < 3; i++) {
        float horizon = environment->sky_horizon[i];
        float zenith = environment->sky_zenith[i];
        up[i] = 0.45F * horizon + 0.55F * zenith;
        side[i] = 0.6F * (0.6F * horizon + 0.4F * zenith) + 0.4F * environment->ground_bounce[i];
    }
    float up_grey = 0.2126F * up[0] + 0.7152F * up[1] + 0.0722F * up[2];
    float side_grey = 0.2126F * side[0] + 0.7152F * side[1] + 0.0722F * side[2];
    for (int i = 0; i < 3; i++) {
        out->ambient_up[i] = STRENGTH * (up[i] + GREY * (up_grey - up[i]));
        out->ambient_side[i] = STRENGTH * (side[i] + GREY * (side_grey - side[i]));
        out->ambient_down[i] = STRENGTH * environment->ground_bounce[i];
    }
}

/* What the ground looks like from afar: sun and sky on its colour. */
static void set_ground_radiance(const RenderEnvironment *environment, const vec3 sun, FrameUniforms *out)
{
    float n_l = fmaxf(sun[1], 0.0F);
    for (int i = 0; i < 3; i++) {
        float light = out->ambient_up[i] + out->sun_light[i] * n_l * (float)(1.0 / GLM_PI);
        out->ground_radiance[i] = environment->ground_color[i] * light;
    }
    out->ground_radiance[3] = fmaxf(environment->fog_density, 0.0F);
}

static void set_rays(const RenderCamera *camera, float aspect, FrameUniforms *out)
{
    mat4 view;
    mat4 projection;
    render_camera_matrices(camera, aspect, view, projection);
    glm_mat4_mul(projection, view, out->view_projection);
    float tan_x = 1.0F / projection[0][0];
    float tan_y = 1.0F / projection[1][1];
    out->lens[0] = tan_x;
    out->lens[1] = tan_y;
    out->lens[2] = projection[3][2] / (projection[2][2] - 1.0F);
    out->lens[3] = projection[3][2] / (projection[2][2] + 1.0F);
    for (int i = 0; i < 3; i++) { /* rows of the view are the camera's axes */
        float right = view[i][0];
        float up = view[i][1];
        float back = view[i][2];
        out->camera_right[i] = right;
        out->camera_up[i] = up;
        out->ray_corner[i] = -back - right * tan_x - up * tan_y;
        out->ray_x[i] = 2.0F * right * tan_x;
        out->ray_y[i] = 2.0F * up * tan_y;
    }
}

void frame_uniforms(const RenderFrame *frame, float aspect, const ShadowFit *fit, FrameUniforms *out_uniforms)
{
    const RenderEnvironment *environment = &frame->environment;
    FrameUniforms *out = out_uniforms;
    *out = (FrameUniforms){ 0 };
    set_rays(&frame->camera, aspect, out);
    set_rgb(out->eye, frame->camera.position, fit->texel);

    vec3 sun;
    shadow_sun_direction(environment, sun);
    set_rgb(out->sun_direction, sun, environment->exposure > 0.0F ? environment->exposure : 1.0F);
    for (int i = 0; i < 3; i++) {
        out->sun_light[i] = environment->sun_color[i] * environment->sun_strength;
    }
    set_rgb(out->sky_zenith, environment->sky_zenith, 0.0F);
    set_rgb(out->sky_horizon, environment->sky_horizon, 0.0F);
    set_ambient(environment, out);
    set_rgb(out->ground_color, environment->ground_color, environment->ground_half);
    set_ground_radiance(environment, sun, out);
    out->camera_right[3] = environment->grid ? 1.0F : 0.0F;

    mat4 to_texture = { { 0.5F, 0, 0, 0 }, { 0, 0.5F, 0, 0 }, { 0, 0, 0.5F, 0 }, { 0.5F, 0.5F, 0.5F, 1 } };
    glm_mat4_mul(to_texture, (vec4 *)(uintptr_t)fit->view_projection, out->shadow_matrix);
    out->shadow_bias[0] = 1.6F * fit->texel;
    out->shadow_bias[1] = 0.25F * fit->texel / fit->depth;
}
