struct Entry {
    vec4 row[3];
    vec4 normal[3]; // w: tint
    vec4 emissive;
};
layout(std430, binding = 0) readonly buffer Entries {
    Entry entries[];
};
layout(location = 0) uniform uint first_entry;

layout(location = 0) in vec3 in_position;
layout(location = 1) in vec3 in_normal;
layout(location = 2) in vec4 in_tangent;
layout(location = 3) in vec2 in_uv;
layout(location = 4) in vec4 in_color;

layout(location = 0) out vec3 position;
layout(location = 1) out vec3 normal;
layout(location = 2) out vec4 color;
layout(location = 3) flat out vec3 added_light;
layout(location = 4) out vec3 shadow_at;
#ifdef ANY_TEXTURE
layout(location = 5) out vec2 uv;
#endif
#ifdef NORMAL_TEXTURE
layout(location = 6) out vec4 tangent;
#endif

void main()
{
    Entry entry = entries[first_entry + uint(gl_InstanceID)];
    vec4 local = vec4(in_position, 1.0);
    position = vec3(dot(entry.row[0], local), dot(entry.row[1], local), dot(entry.row[2], local));
    normal = normalize(entry.normal[0].xyz * in_normal.x + entry.normal[1].xyz * in_normal.y +
                       entry.normal[2].xyz * in_normal.z);
    color = in_color * vec4(entry.normal[0].w, entry.normal[1].w, entry.normal[2].w, 1.0);
    added_light = entry.emissive.rgb;
    shadow_at = shadow_coordinate(position, normal);
#ifdef ANY_TEXTURE
    uv = in_uv;
#endif
#ifdef NORMAL_TEXTURE
    tangent = vec4(dot(entry.row[0].xyz, in_tangent.xyz), dot(entry.row[1].xyz, in_tangent.xyz),
                   dot(entry.row[2].xyz, in_tangent.xyz), in_tangent.w);
#endif
    gl_Position = frame.view_projection * vec4(position, 1.0);
}
