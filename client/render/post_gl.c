/* Occlusion, resolve and tone mapping. */
#include "client/render/renderer_gl.h"

static void draw_screen(GLuint framebuffer, uint32_t width, uint32_t height, GLuint program, GLuint texture,
                        RenderStats *stats)
{
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glViewport(0, 0, (GLsizei)width, (GLsizei)height);
    glUseProgram(program);
    glBindTextureUnit(0, texture);
    glDrawArrays(GL_TRIANGLES, 0, 3);
    stats->draw_calls++;
}

void post_draw(const Targets *targets, const ModelTable *table, const Programs *programs, RenderStats *stats)
{
    uint32_t width = targets->width;
    uint32_t height = targets->height;
    glDisable(GL_DEPTH_TEST);
    glDisable(GL_CULL_FACE);
    glBindVertexArray(table->empty_array);
    if (targets->occlusion[0]) {
        uint32_t half_width = (width + 1) / 2;
        uint32_t half_height = (height + 1) / 2;
        glProgramUniform2i(programs->occlusion, 0, (GLint)width, (GLint)height);
        glProgramUniform2f(programs->resolve, 0, 1.0F / (float)width, 1.0F / (float)height);
        draw_screen(targets->occlusion[0], half_width, half_height, programs->occlusion, targets->scene_depth,
                    stats);
        draw_screen(targets->occlusion[1], half_width, half_height, programs->smooth,
                    targets->occlusion_color[0], stats);
        glBindTextureUnit(1, targets->occlusion_color[1]);
    }
    draw_screen(targets->final, width, height, programs->resolve, targets->scene_color, stats);
}
