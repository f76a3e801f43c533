#ifdef ALPHA_MASK
layout(std140, binding = 1) uniform Material {
    vec4 base_color;
    vec4 emissive;
    vec4 parameters;
} material;
layout(location = 0) in vec2 uv;
layout(binding = 0) uniform sampler2D base_texture;
#endif

void main()
{
#ifdef ALPHA_MASK
    if (material.base_color.a * texture(base_texture, uv).a < material.parameters.w) {
        discard;
    }
#endif
}
