// What a SPIR-V compute module says about itself, as far as a kernel's declaration repeats it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace fovea::test {

struct ReflectedBinding {
  uint32_t set = 0, binding = 0;
  bool texel = false;  // uniform texel buffer, else storage buffer
  bool readonly = false, writeonly = false;
};

struct Reflection {
  std::string entry_point;
  std::vector<ReflectedBinding> bindings;  // one a variable: aliases of a binding come several times
  uint32_t push_bytes = 0;
  std::map<uint32_t, uint32_t> spec_defaults;  // by constant_id; a bool is 0 or 1
  std::set<uint32_t> capabilities;
};

class SpirvReflector {
 public:
  explicit SpirvReflector(std::span<const uint32_t> words) {
    if (words.size() < 5 || words[0] != 0x07230203) throw std::runtime_error("not SPIR-V");
    for (size_t at = 5; at < words.size();) {
      const uint32_t count = words[at] >> 16, op = words[at] & 0xffff;
      if (count == 0 || at + count > words.size())
        throw std::runtime_error("SPIR-V ends inside an instruction");
      instruction(op, words.subspan(at + 1, count - 1));
      at += count;
    }
    for (const auto& [id, variable] : variables_) describe(id, variable.type, variable.storage);
  }
  const Reflection& result() const { return result_; }

 private:
  // Numbers of the SPIR-V specification, sections 3.20 (decorations), 3.7 (storage classes), 3.52
  // (instructions).
  enum Op : uint32_t {
    op_entry_point = 15,
    op_capability = 17,
    op_type_int = 21,
    op_type_float = 22,
    op_type_vector = 23,
    op_type_image = 25,
    op_type_array = 28,
    op_type_struct = 30,
    op_type_pointer = 32,
    op_constant = 43,
    op_spec_constant_true = 48,
    op_spec_constant_false = 49,
    op_spec_constant = 50,
    op_variable = 59,
    op_decorate = 71,
    op_member_decorate = 72,
  };
  enum Decoration : uint32_t {
    spec_id = 1,
    non_writable = 24,
    non_readable = 25,
    binding = 33,
    set = 34,
    offset = 35
  };
  enum Storage : uint32_t { uniform_constant = 0, push_constant = 9, storage_buffer = 12 };

  struct Type {
    uint32_t op = 0;
    std::vector<uint32_t> words;  // after the result id
  };
  struct Variable {
    uint32_t type, storage;
  };

  void instruction(uint32_t op, std::span<const uint32_t> w) {
    switch (op) {
      case op_capability:
        result_.capabilities.insert(w[0]);
        break;
      case op_entry_point:
        for (size_t i = 2; i < w.size(); ++i)
          for (uint32_t byte = 0; byte < 4; ++byte) {
            const char c = static_cast<char>(w[i] >> (8 * byte));
            if (c == '\0') return;
            result_.entry_point += c;
          }
        break;
      case op_type_int:
      case op_type_float:
      case op_type_vector:
      case op_type_image:
      case op_type_array:
      case op_type_struct:
      case op_type_pointer:
        types_[w[0]] = {op, {w.begin() + 1, w.end()}};
        break;
      case op_constant:
        constants_[w[1]] = w[2];
        break;
      case op_spec_constant_true:
      case op_spec_constant_false:
      case op_spec_constant: {
        // Decorations come before, as the specification orders instructions. The first constant of an id
        // counts: glslang adds another, always 1, for local_size_x_id.
        const uint32_t value = op == op_spec_constant ? w[2] : op == op_spec_constant_true ? 1 : 0;
        if (const auto own = decorations_.find(w[1]);
            own != decorations_.end() && own->second.count(spec_id) != 0)
          result_.spec_defaults.emplace(own->second.at(spec_id), value);
        break;
      }
      case op_variable:
        variables_[w[1]] = {w[0], w[2]};
        break;
      case op_decorate:
        decorations_[w[0]][w[1]] = w.size() > 2 ? w[2] : 1;
        break;
      case op_member_decorate:
        members_[w[0]][w[1]][w[2]] = w.size() > 3 ? w[3] : 1;
        break;
      default:
        break;
    }
  }

  uint32_t bytes_of(uint32_t id) const {
    const Type& t = types_.at(id);
    if (t.op == op_type_int || t.op == op_type_float) return t.words[0] / 8;
    if (t.op == op_type_vector) return bytes_of(t.words[0]) * t.words[1];
    if (t.op == op_type_array) return bytes_of(t.words[0]) * constants_.at(t.words[1]);
    if (t.op != op_type_struct) throw std::runtime_error("push constants of an unforeseen type");
    uint32_t end = 0;
    for (uint32_t m = 0; m < t.words.size(); ++m)
      end = std::max(end, members_.at(id).at(m).at(offset) + bytes_of(t.words[m]));
    return end;
  }

  // glslang writes `readonly` as a decoration of every member of the block.
  bool decorated(uint32_t variable, uint32_t block, uint32_t decoration) const {
    if (const auto own = decorations_.find(variable);
        own != decorations_.end() && own->second.count(decoration) != 0)
      return true;
    const auto members = members_.find(block);
    if (members == members_.end() || members->second.size() != types_.at(block).words.size()) return false;
    return std::all_of(members->second.begin(), members->second.end(),
                       [&](const auto& m) { return m.second.count(decoration) != 0; });
  }

  void describe(uint32_t id, uint32_t pointer, uint32_t storage) {
    const uint32_t pointee = types_.at(pointer).words[1];
    if (storage == push_constant) result_.push_bytes = bytes_of(pointee);
    // glslang writes buffers of Vulkan 1.1 as StorageBuffer; an older Uniform one would be left out and
    // missed.
    if (storage != storage_buffer && storage != uniform_constant) return;
    const auto& own = decorations_.at(id);
    result_.bindings.push_back({own.at(set), own.at(binding), storage == uniform_constant,
                                storage == storage_buffer && decorated(id, pointee, non_writable),
                                storage == storage_buffer && decorated(id, pointee, non_readable)});
  }

  Reflection result_;
  std::map<uint32_t, Type> types_;
  std::map<uint32_t, uint32_t> constants_;
  std::map<uint32_t, Variable> variables_;
  std::map<uint32_t, std::map<uint32_t, uint32_t>> decorations_;
  std::map<uint32_t, std::map<uint32_t, std::map<uint32_t, uint32_t>>> members_;
};

inline Reflection reflect(std::span<const uint32_t> words) {
  return SpirvReflector(words).result();
}

}  // namespace fovea::test
