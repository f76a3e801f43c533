/* thing_action.h - the part of thing_model_load that reads what an action does. Included by shared/model
 * only. */
#ifndef SHARED_MODEL_THING_ACTION_H
#define SHARED_MODEL_THING_ACTION_H
#include "shared/model/json.h"
#include "shared/model/thing.h"

/* Reads the dtmv: terms of the action at `node` into `action`, whose input is known already, as are all
 * properties of `model`. Errors go to the node's document. */
void thing_action_read_effect(const JsonNode *node, const ThingModel *model, Action *action);

#endif
