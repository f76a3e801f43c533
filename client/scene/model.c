#include "client/scene/model.h"

uint32_t model_node_index(const Model *model, const char *name)
{
    for (uint32_t i = 0; i < model->node_count; i++) {
        if (strcmp(model->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return MODEL_NONE;
}
