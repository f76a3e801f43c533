struct Entry {
    vec4 row[3];
    vec4 normal[3];
    vec4 emissive;
};
layout(std430, binding = 0) readonly buffer Entries {
    Entry entries[];
};
layout(location = 0) uniform uint first_entry;
layout(location = 1) uniform mat4 projection;

layout(location = 0) in vec3 in_position;
#ifdef ALPHA_MASK
layout(location = 3) in vec2 in_uv;
layout(location = 0) out vec2 uv;
#endif

void main()
{
    vec4 local = vec4(in_position, 1.0);
    uint at = first_entry + uint(gl_InstanceID);
    vec3 position = vec3(dot(entries[at].row[0], local), dot(entries[at].row[1], local),
                         dot(entries[at].row[2], local));
#ifdef ALPHA_MASK
    uv = in_uv;
#endif
    gl_Position = projection * vec4(position, 1.0);
}
