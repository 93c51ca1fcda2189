#include "models/text/sentence_piece.h"

#ifdef FOVEA_SENTENCEPIECE

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <array>
#include <string_view>
#include <vector>

#include "fovea/error.h"

namespace fovea::text {

namespace {

constexpr std::array<std::string_view, 4> fairseq_first{"<s>", "<pad>", "</s>", "<unk>"};
constexpr int32_t fairseq_unknown = 3;

class Pieces : public SentencePiece {
 public:
  Pieces(const std::string& model, Numbering numbering, const std::string& file) : numbering_(numbering) {
    const auto status = processor_.LoadFromSerializedProto(model);
    if (!status.ok()) refuse(file, fmt::format("no SentencePiece model ({})", status.message()));
    if (numbering == Numbering::fairseq && processor_.unk_id() != 0)
      refuse(file, fmt::format("the unknown piece has the id {}, and 0 is what this tokenizer builds on",
                               processor_.unk_id()));
  }

  void encode(std::string_view text, std::vector<int32_t>& out) const override {
    std::vector<int> ids;
    const auto status = processor_.Encode(text, &ids);
    if (!status.ok()) throw Error(ErrorKind::usage, fmt::format("[tokenize] {}", status.message()));
    for (const int id : ids) out.push_back(to_ours(id));
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::vector<int> pieces;
    pieces.reserve(ids.size());
    for (const int32_t id : ids) pieces.push_back(to_theirs(id));
    std::string out;
    const auto status = processor_.Decode(pieces, &out);
    if (!status.ok()) throw Error(ErrorKind::usage, fmt::format("[decode] {}", status.message()));
    return out;
  }

  void fill(Vocabulary& vocabulary, const std::string& file) const {
    int first = 0;
    if (numbering_ == Numbering::fairseq) {
      for (const std::string_view token : fairseq_first) vocabulary.append(token, file);
      first = 3;  // <unk>, <s>, </s> of the file
    }
    for (int id = first; id < processor_.GetPieceSize(); ++id)
      vocabulary.add(processor_.IdToPiece(id), to_ours(id), file);
  }

 private:
  int32_t to_ours(int id) const {
    if (numbering_ == Numbering::own) return id;
    return id == processor_.unk_id() ? fairseq_unknown : id + 1;
  }
  int to_theirs(int32_t id) const {
    if (numbering_ == Numbering::own) return id;
    return id == fairseq_unknown ? processor_.unk_id() : id - 1;
  }

  sentencepiece::SentencePieceProcessor processor_;
  Numbering numbering_;
};

}  // namespace

std::unique_ptr<SentencePiece> load_sentence_piece(const std::string& model, Numbering numbering,
                                                   Vocabulary& vocabulary, const std::string& file) {
  auto pieces = std::make_unique<Pieces>(model, numbering, file);
  pieces->fill(vocabulary, file);
  return pieces;
}

}  // namespace fovea::text

#else

namespace fovea::text {

std::unique_ptr<SentencePiece> load_sentence_piece(const std::string& /*model*/, Numbering /*numbering*/,
                                                   Vocabulary& /*vocabulary*/, const std::string& file) {
  refuse(file, "this build of Fovea cannot read SentencePiece models",
         "install libsentencepiece-dev (Debian's name of it) and build again");
}

}  // namespace fovea::text

#endif
