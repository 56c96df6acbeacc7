// _dl_find_object (glibc 2.35), which finds an address's unwinding tables, made from functions of
// glibc 2.28. The unwinder in the prebuilt addons calls it whenever something is thrown.
#include <dlfcn.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <span>

// The unwinder of GCC 11 or of an older glibc calls dl_iterate_phdr itself.
#ifdef DLFO_EH_SEGMENT_TYPE

namespace {

struct Search {
  uintptr_t address;
  dl_find_object* result;
};

// Visits one loaded object; a result other than 0 ends the search.
int Visit(dl_phdr_info* info, size_t, void* data) {
  const auto& [address, result] = *static_cast<Search*>(data);
  uintptr_t first = UINTPTR_MAX;
  uintptr_t end = 0;
  uintptr_t tables = 0;
  bool within = false;
  for (const auto& header : std::span(info->dlpi_phdr, info->dlpi_phnum)) {
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == DLFO_EH_SEGMENT_TYPE) tables = start;
    if (header.p_type != PT_LOAD) continue;
    if (start < first) first = start;
    if (start + header.p_memsz > end) end = start + header.p_memsz;
    if (address >= start && address < start + header.p_memsz) within = true;
  }
  if (!within) return 0;
  *result = {};
  // NOLINTBEGIN(performance-no-int-to-ptr): these are addresses.
  result->dlfo_map_start = reinterpret_cast<void*>(first);
  result->dlfo_map_end = reinterpret_cast<void*>(end);
  result->dlfo_eh_frame = reinterpret_cast<void*>(tables);
  // NOLINTEND(performance-no-int-to-ptr)
  return tables == 0 ? -1 : 1;
}

}  // namespace

// The linker's --wrap requires this name.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" int __wrap__dl_find_object(void* address, dl_find_object* result) {
  Search search{reinterpret_cast<uintptr_t>(address), result};
  return dl_iterate_phdr(Visit, &search) == 1 ? 0 : -1;
}

#endif
