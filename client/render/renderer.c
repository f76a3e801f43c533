#include "client/render/renderer.h"

Status renderer_add_model(Renderer renderer, const Model *model, RenderModel *out_model, Diag *diag)
{
    return renderer.ops->add_model(renderer.context, model, out_model, diag);
}

void renderer_remove_model(Renderer renderer, RenderModel model)
{
    renderer.ops->remove_model(renderer.context, model);
}

void renderer_resize(Renderer renderer, uint32_t width, uint32_t height)
{
    renderer.ops->resize(renderer.context, width, height);
}

void renderer_draw(Renderer renderer, const RenderFrame *frame)
{
    renderer.ops->draw(renderer.context, frame);
}

Status renderer_read_pixels(Renderer renderer, uint8_t *out_rgba, size_t size)
{
    return renderer.ops->read_pixels(renderer.context, out_rgba, size);
}

RenderStats renderer_stats(Renderer renderer)
{
    return renderer.ops->stats(renderer.context);
}

void renderer_destroy(Renderer renderer)
{
    if (renderer.ops) {
        renderer.ops->destroy(renderer.context);
    }
}
