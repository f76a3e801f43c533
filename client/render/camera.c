#include "client/render/renderer.h"

#include <cglm/cglm.h>

static const float DEFAULT_FOV_Y = 1.04719755F; /* 60 degrees */
static const float DEFAULT_NEAR = 0.1F;
static const float DEFAULT_FAR = 2000.0F;

void render_camera_matrices(const RenderCamera *camera, float aspect, mat4 out_view, mat4 out_projection)
{
    float fov_y = camera->fov_y > 0.0F ? camera->fov_y : DEFAULT_FOV_Y;
    float near_plane = camera->near_plane > 0.0F ? camera->near_plane : DEFAULT_NEAR;
    float far_plane = camera->far_plane > 0.0F ? camera->far_plane : DEFAULT_FAR;
    glm_perspective(fov_y, aspect > 0.0F ? aspect : 1.0F, near_plane, far_plane, out_projection);

    /* The inverse of translate × yaw × pitch, written out: rows are the camera's right, up and back. */
    float sy = sinf(camera->yaw);
    float cy = cosf(camera->yaw);
    float sp = sinf(camera->pitch);
    float cp = cosf(camera->pitch);
    vec3 right = { cy, 0.0F, -sy };
    vec3 up = { sy * sp, cp, cy * sp };
    vec3 back = { sy * cp, -sp, cy * cp };
    vec3 position;
    glm_vec3_copy((float *)camera->position, position);
    for (int i = 0; i < 3; i++) {
        out_view[i][0] = right[i];
        out_view[i][1] = up[i];
        out_view[i][2] = back[i];
        out_view[i][3] = 0.0F;
    }
    out_view[3][0] = -glm_vec3_dot(right, position);
    out_view[3][1] = -glm_vec3_dot(up, position);
    out_view[3][2] = -glm_vec3_dot(back, position);
    out_view[3][3] = 1.0F;
}

bool render_camera_project(const RenderCamera *camera, uint32_t width, uint32_t height, const vec3 point,
                           float *out_x, float *out_y, float *out_depth)
{
    if (width == 0 || height == 0) {
        return false;
    }
    mat4 view;
    mat4 projection;
    render_camera_matrices(camera, (float)width / (float)height, view, projection);
    vec4 world = { point[0], point[1], point[2], 1.0F };
    vec4 seen;
    vec4 clip;
    glm_mat4_mulv(view, world, seen);
    glm_mat4_mulv(projection, seen, clip);
    /* Written so that a NaN fails. */
    bool inside =
        clip[3] > 0.0F && fabsf(clip[0]) <= clip[3] && fabsf(clip[1]) <= clip[3] && fabsf(clip[2]) <= clip[3];
    if (!inside) {
        return false;
    }
    *out_x = (clip[0] / clip[3] * 0.5F + 0.5F) * (float)width;
    *out_y = (0.5F - clip[1] / clip[3] * 0.5F) * (float)height;
    *out_depth = -seen[2];
    return true;
}
