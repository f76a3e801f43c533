# Writes the shaders as C arrays, so that a client never misses them.
# cmake -DOUTPUT=shaders.c "-DSHADERS=a.glsl;b.glsl" -P embed_shaders.cmake
set(arrays "")
set(table "")
foreach(path ${SHADERS})
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const char ${name}[] = { ${bytes}0 };\n")
  string(APPEND table "    { \"${name}\", ${name} },\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"client/render/shader_table.h\"\n\n${arrays}\nconst ShaderText shader_table[] = {\n${table}    { 0, 0 },\n};\n")
