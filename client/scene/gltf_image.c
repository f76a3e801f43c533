#include "client/scene/gltf_document.h"
#include "client/scene/image_decode.h"

enum { WRAP_CLAMP = 33071 };

/* More than any encoder packs into a byte (one bit a pixel, deflated 1032 to 1, makes 8256), so that a few
 * bytes cannot ask for the memory of a real picture. */
#define PIXELS_PER_BYTE UINT64_C(16384)
#define PIXELS_SURE     (UINT64_C(1) << 20)

void document_prepare_images(Document *doc)
{
    doc->image_list = field_list(doc, "images", 4096, &doc->image_count);
    doc->texture_list = field_list(doc, "textures", 1u << 16, &doc->texture_count);
    doc->sampler_list = field_list(doc, "samplers", 1u << 16, &doc->sampler_count);
    doc->images = document_array(doc, &doc->scratch, SourceImage, doc->image_count);
    /* An image can be needed as colour and as data, repeated and clamped. */
    doc->model.images = document_array(doc, doc->arena, ModelImage, (size_t)doc->image_count * 4);
}

static Bytes image_bytes(Document *doc, const Field *image)
{
    Bytes bytes = { 0 };
    const char *uri = field_text(doc, image, "uri");
    uint32_t view = field_index(doc, image, "bufferView", doc->view_count);
    if (uri) {
        document_read_uri(doc, image, uri, &bytes);
    } else if (view == MODEL_NONE || doc->views[view].missing) {
        document_fail(doc, STATUS_MALFORMED, image, "has neither a \"uri\" nor a \"bufferView\" with data");
    } else {
        bytes = doc->views[view].data;
    }
    return bytes;
}

static bool format_is_read(Document *doc, const Field *image)
{
    const char *mime = field_text(doc, image, "mimeType");
    return !mime || strcmp(mime, "image/png") == 0 || strcmp(mime, "image/jpeg") == 0;
}

static void decode(Document *doc, const Field *image, SourceImage *out)
{
    if (!format_is_read(doc, image)) {
        document_note(doc, NOTE_IMAGE_FORMAT, "an image is neither PNG nor JPEG and is left out");
        return;
    }
    Bytes bytes = image_bytes(doc, image);
    uint32_t width = 0, height = 0;
    if (doc->status != STATUS_OK) {
        return;
    }
    if (image_measure(bytes, &width, &height) != STATUS_OK) {
        document_fail(doc, STATUS_MALFORMED, image, "is not a readable PNG or JPEG");
        return;
    }
    uint64_t pixels = (uint64_t)width * height;
    if (pixels > PIXELS_SURE + PIXELS_PER_BYTE * bytes.size) {
        document_fail(doc, STATUS_OUT_OF_RANGE, image, "claims %u x %u pixels in only %zu bytes", width,
                      height, bytes.size);
        return;
    }
    doc->pixel_total += pixels;
    if (width > GLTF_SIDE_MAX || height > GLTF_SIDE_MAX || doc->pixel_total > GLTF_PIXEL_MAX) {
        document_fail(doc, STATUS_OUT_OF_RANGE, image, "%u x %u pixels: more than the %u Mi allowed in all",
                      width, height, (unsigned)(GLTF_PIXEL_MAX >> 20));
        return;
    }
    const char *reason = "";
    Status status = image_decode(bytes, doc->arena, &out->pixels, &reason);
    if (status != STATUS_OK) {
        document_fail(doc, status, image, "cannot be decoded: %s", reason);
        return;
    }
    out->width = width;
    out->height = height;
}

static bool sampler_repeats(Document *doc, const Field *texture)
{
    uint32_t index = field_index(doc, texture, "sampler", doc->sampler_count);
    if (index == MODEL_NONE) {
        return true; /* the default of glTF */
    }
    Field sampler = field_item(doc, &doc->sampler_list, index, JSON_OBJECT);
    return field_uint(doc, &sampler, "wrapS", 0, UINT16_MAX) != WRAP_CLAMP ||
           field_uint(doc, &sampler, "wrapT", 0, UINT16_MAX) != WRAP_CLAMP;
}

uint32_t document_texture_image(Document *doc, uint32_t texture, bool srgb)
{
    if (doc->status != STATUS_OK || texture == MODEL_NONE) {
        return MODEL_NONE;
    }
    Field item = field_item(doc, &doc->texture_list, texture, JSON_OBJECT);
    bool repeat = sampler_repeats(doc, &item);
    uint32_t index = field_index(doc, &item, "source", doc->image_count);
    if (index == MODEL_NONE) {
        if (doc->status == STATUS_OK) {
            document_note(doc, NOTE_IMAGE_FORMAT, "a texture has no PNG or JPEG source and is left out");
        }
        return MODEL_NONE;
    }
    SourceImage *source = &doc->images[index];
    if (!source->tried) {
        source->tried = true;
        Field image = field_item(doc, &doc->image_list, index, JSON_OBJECT);
        decode(doc, &image, source);
    }
    if (!source->pixels || doc->status != STATUS_OK) {
        return MODEL_NONE;
    }
    Model *model = &doc->model;
    for (uint32_t i = 0; i < model->image_count; i++) {
        const ModelImage *known = &model->images[i];
        if (known->pixels == source->pixels && known->srgb == srgb && known->repeat == repeat) {
            return i;
        }
    }
    model->images[model->image_count] = (ModelImage){ .pixels = source->pixels,
                                                      .width = source->width,
                                                      .height = source->height,
                                                      .srgb = srgb,
                                                      .repeat = repeat };
    return model->image_count++;
}
