#include "agent/postgres/statements/lineage.h"

#include <utility>

#include "shared/base/file.h"

namespace agent::postgres::statements {

using shared::Error;
using shared::Result;

Lineage::Link::Link(std::shared_ptr<Lineage> lineage, std::shared_ptr<const Reading> from,
                    std::shared_ptr<const Reading> to, uint64_t branch)
    : lineage_(std::move(lineage)), from_(std::move(from)), to_(std::move(to)), branch_(branch) {}

Lineage::Link::~Link() {
  if (settled_) return;
  lineage_->state_.With([this](State& state) {
    if (state.branch != branch_) return;
    state.head = state.committed;
    state.branch += 1;
  });
}

bool Lineage::Link::BeforeAppend(uint64_t incarnation, uint64_t sequence) {
  // `to_` is committed already when the batcher tries the same round again under another sequence.
  const bool fits = lineage_->state_.With(
      [&](const State& state) { return state.committed == (settled_ ? to_ : from_); });
  if (!fits) return false;
  const Result<void> written = lineage_->files_.Write(*to_, {incarnation, sequence});
  lineage_->state_.With([&](State& state) {
    state.write_error = written ? std::nullopt : std::optional<Error>(written.error());
    if (written) state.committed = to_;
  });
  if (written) settled_ = true;
  return written.has_value();
}

void Lineage::Link::Withdraw() {
  lineage_->state_.With([&](State& state) {
    if (state.head == to_) state.head = from_;
  });
  settled_ = true;
}

Lineage::Lineage(std::string directory, const ServerId& server)
    : files_(std::move(directory), server) {
  if (std::optional<Baseline> baseline = files_.Load()) {
    const auto reading = std::make_shared<const Reading>(std::move(baseline->reading));
    state_.With([&](State& state) { state.committed = state.head = reading; });
  }
}

std::shared_ptr<const Reading> Lineage::Head() const {
  return state_.With([](const State& state) { return state.head; });
}

Result<void> Lineage::Begin(std::shared_ptr<const Reading> first) {
  Result<void> written = files_.Write(*first, {});
  state_.With([&](State& state) { state.committed = state.head = std::move(first); });
  return written;
}

std::shared_ptr<Lineage::Link> Lineage::Append(std::shared_ptr<const Reading> from,
                                               std::shared_ptr<const Reading> to) {
  const uint64_t branch = state_.With([&](State& state) {
    state.head = to;
    return state.branch;
  });
  return std::make_shared<Link>(shared_from_this(), std::move(from), std::move(to), branch);
}

std::optional<Error> Lineage::write_error() const {
  return state_.With([](const State& state) { return state.write_error; });
}

Result<std::unique_ptr<Baselines>> Baselines::Open(std::string directory,
                                                   const SpoolMark& last_appended) {
  RETURN_IF_ERROR(shared::MakeDirectories(directory));
  RETURN_IF_ERROR(SettleBaselines(directory, last_appended));
  return std::unique_ptr<Baselines>(new Baselines(std::move(directory)));
}

std::shared_ptr<Lineage> Baselines::Get(const ServerId& server) {
  return open_.With([&](auto& open) {
    std::weak_ptr<Lineage>& slot = open[server];
    std::shared_ptr<Lineage> lineage = slot.lock();
    if (lineage == nullptr) {
      lineage = std::make_shared<Lineage>(directory_, server);
      slot = lineage;
    }
    return lineage;
  });
}

}  // namespace agent::postgres::statements
