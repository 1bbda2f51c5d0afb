#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "kernel/host/library.hpp"

// A library is refused here, before the dynamic linker maps it, for everything that was seen to
// take a process down or to leave an image behind: truncated or overlapping segments (SIGBUS inside
// dlopen), an executable stack (the node's becomes one too), text relocations, run paths, unique
// symbols and surplus exports (new code runs on the old image's statics), thread_local destructors.

namespace blockd {
namespace {

constexpr std::uint64_t kMaxImageBytes = 512ull << 20;
constexpr std::uint64_t kMaxSymbols = 1'000'000;
constexpr std::uint64_t kMaxNameBytes = 64u << 10;  // of a symbol: template names are long
constexpr std::size_t kMaxNeeded = 256;

Status refuse(const std::string& why) {
  return Status(Code::kInvalid, "not a loadable plugin: " + why);
}

class Image {
 public:
  explicit Image(BytesView bytes) : bytes_(bytes) {}

  // Copies a T from `offset`; false when it does not lie inside the file.
  template <class T>
  bool at(std::uint64_t offset, T* out) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return false;
    std::memcpy(out, bytes_.data() + offset, sizeof(T));
    return true;
  }
  bool contains(std::uint64_t offset, std::uint64_t n) const {
    return offset <= bytes_.size() && n <= bytes_.size() - offset;
  }
  // The zero-terminated text at `offset`, within [offset, limit).
  bool text(std::uint64_t offset, std::uint64_t limit, BytesView* out) const {
    if (limit > bytes_.size() || offset >= limit) return false;
    const char* begin = bytes_.data() + offset;
    const void* end = std::memchr(begin, 0, std::min(limit - offset, kMaxNameBytes));
    if (!end) return false;
    *out = BytesView(begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin));
    return true;
  }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  BytesView bytes_;
};

struct Dynamic {
  std::uint64_t strtab = 0, strsz = 0, symtab = 0, syment = 0, hash = 0, gnu_hash = 0;
};

class Checker {
 public:
  explicit Checker(BytesView bytes) : image_(bytes) {}

  // Names of undefined symbols go to `imports` if it is given.
  Status run(std::vector<std::string>* imports) {
    imports_ = imports;
    TB_TRY(check_header());
    TB_TRY(check_segments());
    TB_TRY(read_dynamic());
    return check_symbols();
  }

 private:
  Status check_header() {
    if (image_.size() > kMaxImageBytes) return refuse("larger than 512 MiB");
    if (!image_.at(0, &header_)) return refuse("shorter than an ELF header (is it truncated?)");
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) return refuse("no ELF file");
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB) {
      return refuse("not 64-bit little-endian");
    }
#if defined(__x86_64__)
    constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
    constexpr unsigned kMachine = EM_AARCH64;
#else
#error "name the ELF machine of this processor"
#endif
    if (header_.e_machine != kMachine) return refuse("built for another processor");
    if (header_.e_type != ET_DYN) return refuse("not a shared library");
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 ||
        header_.e_phnum > 128) {
      return refuse("bad program header table");
    }
    if (!image_.contains(header_.e_phoff, std::uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr))) {
      return refuse("program headers outside the file (is it truncated?)");
    }
    // Not needed for loading, but they stand at the end of the file.
    if (header_.e_shoff != 0 &&
        !image_.contains(header_.e_shoff, std::uint64_t{header_.e_shnum} * header_.e_shentsize)) {
      return refuse("its section headers lie outside the file (is it truncated?)");
    }
    return {};
  }

  Status check_segments() {
    bool stack = false, load = false;
    std::uint64_t last_end = 0;
    for (unsigned i = 0; i < header_.e_phnum; ++i) {
      Elf64_Phdr segment{};
      if (!image_.at(header_.e_phoff + i * sizeof segment, &segment))
        return refuse("program headers outside the file");
      if (segment.p_type == PT_LOAD) {
        load = true;
        if (!image_.contains(segment.p_offset, segment.p_filesz)) {
          return refuse("a segment lies outside the file (is it truncated?)");
        }
        if (segment.p_filesz > segment.p_memsz || segment.p_memsz > kMaxImageBytes)
          return refuse("a segment lies about its size");
        if (segment.p_vaddr < last_end || segment.p_vaddr > (1ull << 40))
          return refuse("segments overlap or are out of order");
        if (segment.p_align != 0 && (segment.p_align & (segment.p_align - 1)) != 0)
          return refuse("bad segment alignment");
        if ((segment.p_flags & PF_W) && (segment.p_flags & PF_X))
          return refuse("a segment is writable and executable");
        last_end = segment.p_vaddr + segment.p_memsz;
        loads_.push_back(segment);
      } else if (segment.p_type == PT_GNU_STACK) {
        stack = true;
        if (segment.p_flags & PF_X)
          return refuse("asks for an executable stack (link with -z noexecstack)");
      } else if (segment.p_type == PT_DYNAMIC) {
        if (!image_.contains(segment.p_offset, segment.p_filesz))
          return refuse("the dynamic section lies outside the file");
        dynamic_ = segment;
      } else if (segment.p_type == PT_INTERP) {
        return refuse("it is a program, not a library");
      }
    }
    // The linker goes by the address, we by the offset: they must name the same bytes.
    std::uint64_t at = 0;
    if (dynamic_.p_type == PT_DYNAMIC &&
        (!offset_of(dynamic_.p_vaddr, &at) || at != dynamic_.p_offset)) {
      return refuse("the dynamic section is not where its address says");
    }
    if (!load || dynamic_.p_type != PT_DYNAMIC)
      return refuse("no loadable segment or no dynamic section");
    if (!stack)
      return refuse(
          "no stack marking, so the stack would become executable (link with -z noexecstack)");
    return {};
  }

  // File offset of a virtual address, if it lies in the file part of a segment.
  bool offset_of(std::uint64_t address, std::uint64_t* offset) const {
    for (const Elf64_Phdr& s : loads_) {
      if (address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz) {
        *offset = address - s.p_vaddr + s.p_offset;
        return true;
      }
    }
    return false;
  }

  Status read_dynamic() {
    bool ended = false;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic_.p_filesz && !ended;
         at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry{};
      if (!image_.at(dynamic_.p_offset + at, &entry))
        return refuse("the dynamic section lies outside the file");
      switch (entry.d_tag) {
        case DT_NULL:
          ended = true;
          break;
        case DT_STRTAB:
          tables_.strtab = entry.d_un.d_ptr;
          break;
        case DT_STRSZ:
          tables_.strsz = entry.d_un.d_val;
          break;
        case DT_SYMTAB:
          tables_.symtab = entry.d_un.d_ptr;
          break;
        case DT_SYMENT:
          tables_.syment = entry.d_un.d_val;
          break;
        case DT_HASH:
          tables_.hash = entry.d_un.d_ptr;
          break;
        case DT_GNU_HASH:
          tables_.gnu_hash = entry.d_un.d_ptr;
          break;
        case DT_TEXTREL:
          return refuse("it has text relocations (compile with -fPIC)");
        case DT_RPATH:
        case DT_RUNPATH:
          return refuse("it has a run path, which would load libraries from a place of its own");
        case DT_FLAGS:
          if (entry.d_un.d_val & DF_TEXTREL)
            return refuse("it has text relocations (compile with -fPIC)");
          break;
        case DT_FLAGS_1:
          if (entry.d_un.d_val & DF_1_NODELETE)
            return refuse("it asks to stay mapped for ever (linked with -z nodelete)");
          break;
        case DT_NEEDED:
          if (needed_.size() >= kMaxNeeded) return refuse("it needs more than 256 libraries");
          needed_.push_back(entry.d_un.d_val);
          break;
        default:
          break;
      }
    }
    if (!ended) return refuse("the dynamic section has no end");
    if (!tables_.strtab || !tables_.strsz || !tables_.symtab ||
        tables_.syment != sizeof(Elf64_Sym)) {
      return refuse("no symbol table");
    }
    return {};
  }

  // The number of dynamic symbols: the larger of what the hash tables say, since the linker may use
  // either.
  Status count_symbols(std::uint64_t* count) const {
    std::uint64_t at = 0;
    std::uint32_t chains = 0;
    if (tables_.hash) {
      if (!offset_of(tables_.hash, &at) || !image_.at(at + 4, &chains))
        return refuse("the hash table lies outside the file");
      if (chains > kMaxSymbols) return refuse("too many symbols");
    }
    if (tables_.gnu_hash) TB_TRY(count_gnu_symbols(count));
    if (!tables_.hash && !tables_.gnu_hash) return refuse("no symbol hash table");
    *count = std::max<std::uint64_t>(*count, chains);
    return {};
  }

  Status count_gnu_symbols(std::uint64_t* count) const {
    std::uint64_t at = 0;
    if (!offset_of(tables_.gnu_hash, &at)) return refuse("the hash table lies outside the file");
    std::uint32_t head[4];
    if (!image_.at(at, &head)) return refuse("the hash table lies outside the file");
    if (head[2] == 0 || (head[2] & (head[2] - 1)) != 0) return refuse("bad symbol hash table");
    const std::uint64_t buckets = at + 16 + std::uint64_t{head[2]} * 8;
    const std::uint64_t chains = buckets + std::uint64_t{head[0]} * 4;
    if (head[0] > kMaxSymbols || !image_.contains(buckets, std::uint64_t{head[0]} * 4))
      return refuse("the hash table lies outside the file");
    std::uint32_t last = 0;
    for (std::uint64_t i = 0; i < head[0]; ++i) {
      std::uint32_t first = 0;
      if (!image_.at(buckets + i * 4, &first))
        return refuse("the hash table lies outside the file");
      last = std::max(last, first);
    }
    if (last < head[1]) {  // nothing is exported; imports stand below head[1]
      *count = head[1];
      return *count <= kMaxSymbols ? Status() : refuse("too many symbols");
    }
    for (std::uint64_t i = last; i <= kMaxSymbols; ++i) {
      std::uint32_t chain = 0;
      if (!image_.at(chains + (i - head[1]) * 4, &chain))
        return refuse("the hash table lies outside the file");
      if (chain & 1u) {
        *count = i + 1;
        return {};
      }
    }
    return refuse("too many symbols");
  }

  // A name with a slash would be loaded from a place of the library's choice.
  Status check_needed(std::uint64_t strings) const {
    for (std::uint64_t offset : needed_) {
      BytesView name;
      if (offset >= tables_.strsz ||
          !image_.text(strings + offset, strings + tables_.strsz, &name)) {
        return refuse("the name of a needed library lies outside the file");
      }
      if (name.find('/') != BytesView::npos)
        return refuse("it needs " + std::string(name) + " by path");
    }
    return {};
  }

  Status check_symbols() const {
    std::uint64_t symbols = 0, strings = 0, count = 0;
    if (!offset_of(tables_.symtab, &symbols) || !offset_of(tables_.strtab, &strings))
      return refuse("symbols outside the file");
    if (!image_.contains(strings, tables_.strsz)) return refuse("symbol names outside the file");
    TB_TRY(check_needed(strings));
    TB_TRY(count_symbols(&count));
    bool entry = false;
    for (std::uint64_t i = 1; i < count; ++i) {
      Elf64_Sym symbol{};
      if (!image_.at(symbols + i * sizeof symbol, &symbol))
        return refuse("symbols outside the file");
      BytesView name;
      if (symbol.st_name >= tables_.strsz ||
          !image_.text(strings + symbol.st_name, strings + tables_.strsz, &name)) {
        return refuse("a symbol's name lies outside the file");
      }
      const unsigned bind = ELF64_ST_BIND(symbol.st_info);
      if (bind == STB_LOCAL) continue;
      if (bind == STB_GNU_UNIQUE) {
        return refuse("unique symbol " + std::string(name) +
                      " (link with the version script of tb_add_plugin)");
      }
      if (symbol.st_shndx == SHN_UNDEF) {
        if (name == "__cxa_thread_atexit" || name == "__cxa_thread_atexit_impl") {
          return refuse("a thread_local with a destructor would keep the image mapped");
        }
        if (imports_ != nullptr) imports_->emplace_back(name);
        continue;
      }
      if (symbol.st_shndx == SHN_ABS) continue;  // the version's own name
      if (name == "tb_plugin_entry" && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC) {
        entry = true;
      } else {
        return refuse(
            "it exports " + std::string(name) +
            " (export tb_plugin_entry only; link with the version script of tb_add_plugin)");
      }
    }
    return entry ? Status() : refuse("it does not export tb_plugin_entry");
  }

  std::vector<std::string>* imports_ = nullptr;
  Image image_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> loads_;
  Elf64_Phdr dynamic_{};
  Dynamic tables_;
  std::vector<std::uint64_t> needed_;  // offsets of names
};

}  // namespace

Status check_elf(BytesView image) { return Checker(image).run(nullptr); }

Result<std::vector<std::string>> elf_imports(BytesView image) {
  std::vector<std::string> imports;
  TB_TRY(Checker(image).run(&imports));
  return imports;
}

}  // namespace blockd
