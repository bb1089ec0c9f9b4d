/*
 * main.c: makes the Lua state, gives it the embedded modules and calls vernier.main.
 * The only file that includes lua.h; C never calls Lua after this.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static const vn_embedded *find_embedded(const char *name) {
  for (const vn_embedded *e = vn__embedded; e->name; e++)
    if (strcmp(e->name, name) == 0) return e;
  return NULL;
}

/* A package searcher over the embedded bytecode: first, so that an installed module of the same name cannot shadow it.
 */
static int search_embedded(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const vn_embedded *e = find_embedded(name);
  if (!e) {
    lua_pushfstring(L, "\n\tno embedded module '%s'", name);
    return 1;
  }
  if (luaL_loadbuffer(L, (const char *)e->data, e->len, name)) return lua_error(L);
  return 1;
}

/* vernier_embedded(path): an embedded text file; vernier_embedded(): the names of everything embedded. */
static int embedded(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_newtable(L);
    for (int i = 0; vn__embedded[i].name; i++) {
      lua_pushstring(L, vn__embedded[i].name);
      lua_rawseti(L, -2, i + 1);
    }
    return 1;
  }
  const vn_embedded *e = find_embedded(luaL_checkstring(L, 1));
  if (!e) return 0;
  lua_pushlstring(L, (const char *)e->data, e->len);
  return 1;
}

static int traceback(lua_State *L) {
  if (!lua_isstring(L, 1)) return 1;
  luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

static void install_searcher(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  for (int i = (int)lua_objlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search_embedded);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 1);
  lua_getfield(L, -1, "loaded");
  lua_pushcfunction(L, embedded);
  lua_setfield(L, -2, "vernier.embedded");
  lua_pop(L, 2);
}

static lua_State *the_state;

/* Reading the collector's counter runs no Lua, so compiled code may ask. */
double vn_lua_bytes(void) {
  return (double)lua_gc(the_state, LUA_GCCOUNT, 0) * 1024 + (double)lua_gc(the_state, LUA_GCCOUNTB, 0);
}

/* A closed standard stream would become whatever is opened first, and libuv refuses to close it. */
static void open_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
}

/* Outside any protected call: there is nobody to tell it to. */
static int panic(lua_State *L) {
  fprintf(stderr, "vernier: unexpected error: %s\n", lua_tostring(L, -1));
  return 0;
}

/* Where LuaJIT takes no other heap than its own, it has that. */
static lua_State *new_state(vn__heap *heap) {
  lua_State *L = heap ? lua_newstate(vn__heap_alloc, heap) : NULL;
  if (!L) L = luaL_newstate();
  if (L) lua_atpanic(L, panic);
  return L;
}

static void close_state(vn__heap *heap) {
  lua_close(the_state);
  if (heap) vn__heap_free(heap);
}

int main(int argc, char **argv) {
  open_standard_streams();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write, like a full disk */
  vn__heap *heap = vn__heap_new();
  lua_State *L = new_state(heap);
  if (!L) {
    fputs("vernier: cannot start: out of memory\n", stderr);
    return 1;
  }
  the_state = L;
  luaL_openlibs(L);
  install_searcher(L);
  lua_pushcfunction(L, traceback);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "vernier.main");
  int status = 1;
  if (lua_pcall(L, 1, 1, 1) == 0) {
    for (int i = 1; i < argc; i++) lua_pushstring(L, argv[i]);
    if (lua_pcall(L, argc - 1, 1, 1) == 0) {
      status = (int)lua_tointeger(L, -1);
      close_state(heap);
      return status;
    }
  }
  fprintf(stderr, "vernier: unexpected error: %s\n", lua_tostring(L, -1));
  close_state(heap);
  return status;
}
