# cmake -DOUTPUT=… -DSOURCES="a.sql;b.sql" -P embed_migrations.cmake
# Writes a C++ source that defines EmbeddedMigrations() (migrations.h): the program carries its
# schema and needs no path at run time.
set(rows "")
foreach(path IN LISTS SOURCES)
  get_filename_component(file ${path} NAME_WE)
  if(NOT file MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
    message(FATAL_ERROR "${path}: a migration is named NNNN_what.sql")
  endif()
  math(EXPR version "1${CMAKE_MATCH_1} - 10000")
  set(name ${CMAKE_MATCH_2})
  file(READ ${path} sql)
  string(APPEND rows "      {${version}, \"${name}\", R\"pgvigil_sql(${sql})pgvigil_sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by embed_migrations.cmake.
#include \"collector/storage/migrations.h\"

namespace collector::storage {

const std::vector<Migration>& EmbeddedMigrations() {
  static const std::vector<Migration> migrations = {
${rows}  };
  return migrations;
}

}  // namespace collector::storage
")
