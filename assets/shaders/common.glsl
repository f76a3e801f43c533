// Shared by every stage: the frame's constants and the analytic sky.
layout(std140, binding = 0) uniform Frame {
    mat4 view_projection;
    mat4 shadow_matrix;    // world to shadow texture, 0..1
    vec4 ray_corner;       // view ray = corner + x * ray_x + y * ray_y, x and y 0..1 over the screen
    vec4 ray_x, ray_y;
    vec4 eye;              // w: metres a shadow texel covers
    vec4 sun_direction;    // towards the sun; w: exposure
    vec4 sun_light;        // irradiance
    vec4 sky_zenith;       // radiance
    vec4 sky_horizon;
    vec4 ambient_up, ambient_side, ambient_down; // diffuse light from above, the sides and below, per albedo
    vec4 ground_color;     // albedo; w: half the side of the ground, metres
    vec4 ground_radiance;  // what the lit ground looks like from afar; w: fog density
    vec4 camera_right;     // w: 1 when the grid is drawn
    vec4 camera_up;
    vec4 shadow_bias;      // x: normal offset in metres, y: depth bias
    vec4 lens;             // tangents of half the view's width and height, near and far plane
} frame;

const float PI = 3.14159265;

// The sky a view ray meets. Below the horizon: haze that thins out into the lit ground.
vec3 sky_gradient(vec3 direction)
{
    float up = max(direction.y, 0.0);
    float height = up / (up + 0.22) * 1.22;
    vec3 sky = mix(frame.sky_horizon.rgb, frame.sky_zenith.rgb, height);
    float down = clamp(-direction.y * 5.0, 0.0, 1.0);
    vec3 low = mix(frame.sky_horizon.rgb, frame.ground_radiance.rgb, 0.55);
    return mix(sky, low, down * (2.0 - down));
}

// Light scattered around the sun, without its disc.
vec3 sun_glow(vec3 direction)
{
    float c = max(dot(direction, frame.sun_direction.xyz), 0.0);
    float c2 = c * c;
    float c4 = c2 * c2;
    float c8 = c4 * c4;
    float c32 = c8 * c8 * c8 * c8;
    float c128 = c32 * c32 * c32 * c32;
    float c1024 = c128 * c128;
    c1024 *= c1024;
    c1024 *= c1024;
    float low = 1.0 - 0.75 * clamp(direction.y * 2.0, 0.0, 1.0); // thick air near the horizon
    return frame.sun_light.rgb * (0.035 * c8 * low + 0.05 * c128 + 0.25 * c1024);
}

// What a surface of this roughness mirrors: the sky, blurred by widening the horizon, over the lit ground.
vec3 sky_reflection(vec3 direction, float roughness)
{
    float width = 0.015 + 0.75 * roughness;
    float above = smoothstep(-width, width, direction.y);
    float up = max(direction.y + 0.25 * roughness, 0.0);
    float height = up / (up + 0.22 + 0.4 * roughness) * (1.22 + 0.4 * roughness);
    vec3 sky = mix(frame.sky_horizon.rgb, frame.sky_zenith.rgb, min(height, 1.0));
    vec3 ground = mix(frame.ground_radiance.rgb, frame.sky_horizon.rgb,
                      0.5 * clamp(1.0 + direction.y * 3.0, 0.0, 1.0));
    return mix(ground, sky, above);
}

// Diffuse light from the sky dome and the ground, per unit of albedo.
vec3 ambient_light(vec3 normal)
{
    vec3 pole = normal.y > 0.0 ? frame.ambient_up.rgb : frame.ambient_down.rgb;
    return mix(frame.ambient_side.rgb, pole, abs(normal.y));
}

vec3 apply_fog(vec3 color, vec3 to_point)
{
    float density = frame.ground_radiance.w;
    if (density <= 0.0) {
        return color;
    }
    float distance = length(to_point);
    float x = distance * density;
    float clear = exp2(-1.442695 * x * x);
    vec3 direction = to_point / max(distance, 1e-4);
    vec3 haze = sky_gradient(vec3(direction.x, max(direction.y, 0.0), direction.z)) + sun_glow(direction) * 0.5;
    return mix(haze, color, clear);
}
