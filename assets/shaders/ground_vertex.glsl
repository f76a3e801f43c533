layout(location = 0) out vec3 position;
layout(location = 1) out vec3 shadow_at;

void main()
{
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    position = vec3(corner.x, 0.0, -corner.y) * frame.ground_color.w;
    shadow_at = shadow_coordinate(position, vec3(0.0, 1.0, 0.0));
    gl_Position = frame.view_projection * vec4(position, 1.0);
}
