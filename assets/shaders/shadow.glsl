// How much of the sun reaches a point: a 3 x 3 tent over the shadow map in four bilinear taps.
layout(binding = 5) uniform sampler2DShadow shadow_map;

vec3 shadow_coordinate(vec3 position, vec3 normal)
{
    float slope = 1.0 - clamp(dot(normal, frame.sun_direction.xyz), 0.0, 1.0);
    vec3 lifted = position + normal * (frame.shadow_bias.x * (0.35 + slope));
    return (frame.shadow_matrix * vec4(lifted, 1.0)).xyz;
}

float sun_visibility(vec3 coordinate)
{
    vec2 edge = abs(coordinate.xy - 0.5);
    float border = max(edge.x, edge.y);
    if (border >= 0.5) {
        return 1.0;
    }
    vec2 size = vec2(textureSize(shadow_map, 0));
    vec2 at = coordinate.xy * size;
    vec2 base = floor(at + 0.5);
    vec2 part = at + 0.5 - base;
    vec2 weight_low = 3.0 - 2.0 * part;
    vec2 weight_high = 1.0 + 2.0 * part;
    vec2 low = (2.0 - part) / weight_low - 1.0;
    vec2 high = part / weight_high + 1.0;
    float depth = min(coordinate.z - frame.shadow_bias.y, 1.0);
    base -= 0.5;
    float lit =
        weight_low.x * weight_low.y * texture(shadow_map, vec3((base + low) / size, depth)) +
        weight_high.x * weight_low.y * texture(shadow_map, vec3((base + vec2(high.x, low.y)) / size, depth)) +
        weight_low.x * weight_high.y * texture(shadow_map, vec3((base + vec2(low.x, high.y)) / size, depth)) +
        weight_high.x * weight_high.y * texture(shadow_map, vec3((base + high) / size, depth));
    lit /= 16.0;
    return mix(lit, 1.0, smoothstep(0.44, 0.5, border));
}
