layout(location = 0) in vec3 position;
layout(location = 1) in vec3 shadow_at;
layout(location = 0) out vec4 out_color;

// Coverage of lines `width` metres wide at every `step_m` metres, filtered over the pixel's footprint; lines that
// come closer together than a few pixels fade into their mean.
float lines(vec2 at, vec2 footprint, float step_m, float width)
{
    vec2 near = abs(fract(at / step_m - 0.5) - 0.5) * step_m;
    vec2 drawn = max(vec2(width), footprint);
    vec2 cover = 1.0 - smoothstep(drawn * 0.5 - footprint * 0.5, drawn * 0.5 + footprint, near);
    cover *= width / drawn;
    vec2 fade = clamp(footprint * 3.0 / step_m - 0.3, 0.0, 1.0);
    cover = mix(cover, vec2(width / step_m), fade);
    return cover.x + cover.y - cover.x * cover.y;
}

// Slabs of concrete are never all the same.
float slab(vec2 at, float size, float footprint)
{
    vec2 cell = floor(at / size);
    float random = fract(sin(dot(cell, vec2(12.9898, 78.233))) * 437.585);
    return (random - 0.5) * clamp(1.5 - footprint * 4.0 / size, 0.0, 1.0);
}

void main()
{
    vec3 to_point = position - frame.eye.xyz;
    vec3 albedo = frame.ground_color.rgb;
    if (frame.camera_right.w > 0.5) {
        vec2 footprint = max(fwidth(position.xz), vec2(1e-5));
        float fine = lines(position.xz, footprint, 1.0, 0.012);
        float coarse = lines(position.xz, footprint, 10.0, 0.04);
        albedo *= 1.0 - 0.28 * fine - 0.34 * coarse;
        float mixed = max(footprint.x, footprint.y);
        albedo *= 1.0 + 0.035 * slab(position.xz, 1.0, mixed) + 0.05 * slab(position.xz, 10.0, mixed);
    }
    vec3 light = ambient_light(vec3(0.0, 1.0, 0.0));
    float n_l = max(frame.sun_direction.y, 0.0);
    if (n_l > 0.0) {
        light += frame.sun_light.rgb * (n_l * (1.0 / PI) * sun_visibility(shadow_at));
    }
    vec3 shaded = albedo * light;
    // Polished concrete mirrors a little of the sky at a grazing view.
    vec3 v = normalize(-to_point);
    float m = 1.0 - clamp(v.y, 0.0, 1.0);
    float m2 = m * m;
    shaded += sky_reflection(reflect(-v, vec3(0.0, 1.0, 0.0)), 0.5) * (0.02 + 0.18 * m2 * m2 * m);
    shaded = apply_fog(shaded, to_point);
    // The edge of the world melts into the haze.
    vec2 edge = abs(position.xz) / frame.ground_color.w;
    float rim = smoothstep(0.7, 1.0, max(edge.x, edge.y));
    vec3 direction = -v;
    shaded = mix(shaded, sky_gradient(direction) + sun_glow(direction), rim);
    out_color = vec4(shaded, 1.0);
}
