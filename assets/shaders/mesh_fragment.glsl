layout(std140, binding = 1) uniform Material {
    vec4 base_color;
    vec4 emissive;   // w: normal scale
    vec4 parameters; // metallic, roughness, occlusion strength, alpha cutoff
} material;

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 color;
layout(location = 3) flat in vec3 added_light;
layout(location = 4) in vec3 shadow_at;
#ifdef ANY_TEXTURE
layout(location = 5) in vec2 uv;
#endif
#ifdef NORMAL_TEXTURE
layout(location = 6) in vec4 tangent;
layout(binding = 2) uniform sampler2D normal_texture;
#endif
#ifdef BASE_TEXTURE
layout(binding = 0) uniform sampler2D base_texture;
#endif
#ifdef ROUGHNESS_TEXTURE
layout(binding = 1) uniform sampler2D roughness_texture;
#endif
#ifdef EMISSIVE_TEXTURE
layout(binding = 3) uniform sampler2D emissive_texture;
#endif
#ifdef OCCLUSION_TEXTURE
layout(binding = 4) uniform sampler2D occlusion_texture;
#endif

layout(location = 0) out vec4 out_color;

vec3 surface_normal()
{
    vec3 n = normalize(normal);
#ifdef NORMAL_TEXTURE
    vec3 t = tangent.xyz - n * dot(n, tangent.xyz);
    float size = dot(t, t);
    if (size > 1e-12) {
        t *= inversesqrt(size);
        vec3 b = cross(n, t) * (tangent.w < 0.0 ? -1.0 : 1.0);
        vec3 bent = texture(normal_texture, uv).xyz * 2.0 - 1.0;
        bent.xy *= material.emissive.w;
        n = normalize(t * bent.x + b * bent.y + n * bent.z);
    }
#endif
#ifdef DOUBLE_SIDED
    n = gl_FrontFacing ? n : -n;
#endif
    return n;
}

// Cook-Torrance with GGX, Smith's height-correlated visibility (Hammon's approximation) and Schlick's Fresnel.
vec3 sun_light(vec3 n, vec3 v, float n_v, vec3 diffuse, vec3 f0, float alpha)
{
    vec3 l = frame.sun_direction.xyz;
    float n_l = dot(n, l);
    if (n_l <= 0.0) {
        return vec3(0.0);
    }
    float lit = sun_visibility(shadow_at);
    if (lit <= 0.0) {
        return vec3(0.0);
    }
    vec3 h = normalize(v + l);
    float n_h = clamp(dot(n, h), 0.0, 1.0);
    float v_h = clamp(dot(v, h), 0.0, 1.0);
    float a2 = alpha * alpha;
    float d = n_h * n_h * (a2 - 1.0) + 1.0;
    float distribution = a2 / (PI * d * d);
    float visibility = 0.5 / max(mix(2.0 * n_l * n_v, n_l + n_v, alpha), 1e-4);
    float m = 1.0 - v_h;
    float m2 = m * m;
    vec3 fresnel = f0 + (1.0 - f0) * (m2 * m2 * m);
    vec3 specular = min(distribution * visibility, 64.0) * fresnel;
    return (diffuse * (1.0 / PI) * (1.0 - fresnel) + specular) * frame.sun_light.rgb * (n_l * lit);
}

// Split-sum scale and bias of the specular lobe, Karis' fit for mobile GPUs.
vec3 environment_specular(vec3 f0, float roughness, float n_v)
{
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * n_v)) * r.x + r.y;
    vec2 scale_bias = vec2(-1.04, 1.04) * a + r.zw;
    return f0 * scale_bias.x + scale_bias.y;
}

void main()
{
    vec4 base = material.base_color * color;
#ifdef BASE_TEXTURE
    base *= texture(base_texture, uv);
#endif
#ifdef ALPHA_MASK
    if (base.a < material.parameters.w) {
        discard;
    }
#endif
    vec3 emitted = material.emissive.rgb;
#ifdef EMISSIVE_TEXTURE
    emitted *= texture(emissive_texture, uv).rgb;
#endif
    emitted += added_light;
    vec3 to_point = position - frame.eye.xyz;
#ifdef UNLIT
    vec3 shaded = base.rgb + emitted;
#else
    float metallic = material.parameters.x;
    float roughness = material.parameters.y;
#ifdef ROUGHNESS_TEXTURE
    vec4 mr = texture(roughness_texture, uv);
    roughness *= mr.g;
    metallic *= mr.b;
#endif
    float occlusion = 1.0;
#ifdef OCCLUSION_TEXTURE
    occlusion = 1.0 + material.parameters.z * (texture(occlusion_texture, uv).r - 1.0);
#endif
    vec3 n = surface_normal();
    // Curvature within a pixel counts as roughness: highlights on small round parts do not sparkle.
    vec3 nx = dFdx(n);
    vec3 ny = dFdy(n);
    float alpha = max(roughness * roughness, 0.002);
    alpha = sqrt(min(alpha * alpha + min(0.5 * (dot(nx, nx) + dot(ny, ny)), 0.18), 1.0));
    roughness = sqrt(alpha);

    vec3 v = normalize(-to_point);
    float n_v = clamp(dot(n, v), 1e-3, 1.0);
    vec3 f0 = mix(vec3(0.04), base.rgb, metallic);
    vec3 diffuse = base.rgb * (1.0 - metallic);
    vec3 r = reflect(-v, n);
    vec3 mirrored = sky_reflection(r, roughness);
    vec3 shaded = diffuse * ambient_light(n) * occlusion;
    // A surface that faces away from the open sky mirrors its dark surroundings.
    float open_sky = clamp(occlusion * (0.75 + 0.25 * n.y), 0.0, 1.0);
    shaded += environment_specular(f0, roughness, n_v) * mirrored * open_sky;
    shaded += sun_light(n, v, n_v, diffuse, f0, alpha);
    shaded += emitted;
#endif
    shaded = apply_fog(shaded, to_point);
#ifdef ALPHA_BLEND
    out_color = vec4(shaded * base.a, base.a);
#else
    out_color = vec4(shaded, 1.0);
#endif
}
