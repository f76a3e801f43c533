layout(location = 0) in vec3 normal;
layout(location = 1) in vec3 position;
layout(location = 2) flat in vec4 light;
layout(location = 0) out vec4 out_color;

void main()
{
    vec3 to_point = position - frame.eye.xyz;
#ifdef HALO
    float r = length(normal.xy);
    float glow = max(1.0 - r, 0.0);
    glow *= glow;
    float x = length(to_point) * frame.ground_radiance.w;
    float clear = exp2(-1.442695 * x * x);
    out_color = vec4(light.rgb * (light.w * 0.45 * glow * glow * clear), 0.0);
#else
    vec3 n = normalize(normal);
    vec3 v = normalize(-to_point);
    float n_v = clamp(dot(n, v), 0.0, 1.0);
    // Coloured glass: dark when off, and lit from within when on, whitest where the lamp is seen deepest.
    float m = 1.0 - n_v;
    float fresnel = 0.04 + 0.96 * m * m * m * m * m;
    vec3 glass = light.rgb * (0.06 * ambient_light(n) + 0.05) + 0.01;
    vec3 shaded = glass * (1.0 - fresnel) + sky_reflection(reflect(-v, n), 0.05) * fresnel;
    vec3 h = normalize(v + frame.sun_direction.xyz);
    float spot = max(dot(n, h), 0.0);
    spot *= spot;
    spot *= spot;
    spot *= spot;
    spot *= spot;
    spot *= spot;
    spot *= spot;
    shaded += frame.sun_light.rgb * (0.6 * spot);
    float core = n_v * n_v;
    shaded += light.w * (light.rgb * (0.55 + 0.75 * core) + vec3(0.12 * core * core * core));
    out_color = vec4(apply_fog(shaded, to_point), 1.0);
#endif
}
