# Writes one file as a C array, so that a program never misses it.
# cmake -DOUTPUT=avatar.c -DINPUT=avatar.glb -DNAME=builtin_avatar -P embed_file.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT} "#include \"client/builtin.h\"\n\nconst uint8_t ${NAME}_bytes[] = { ${bytes} };\nconst size_t ${NAME}_size = sizeof ${NAME}_bytes;\n")
