#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/postgres/statements/baseline.h"
#include "shared/base/result.h"
#include "shared/concurrency/guarded.h"

namespace agent::postgres::statements {

// The chain of readings of one server: each round of deltas leads from one reading to the next, and
// the rounds that reach the spool join without gap or overlap, whatever becomes of the others.
//
// - head: the reading that the next round starts from. It moves when the queue takes a round,
//   because the next poll comes before the batcher has appended this one.
// - committed: the end of the last round that went to the spool; the baseline on disk.
//
// A round is taken by the batcher only when it starts at `committed`. When a round on the way is
// lost (its baseline could not be written, the batcher dropped it), those behind it in the queue do
// not fit any more and are refused too, and head goes back to `committed`: the next round covers
// all of it again. Nothing is lost, nothing is counted twice.
//
// Thread-safe: polls happen on the target's thread, BeforeAppend runs on the batcher's.
class Lineage : public std::enable_shared_from_this<Lineage> {
 public:
  // One round's place in the chain. Destroyed before it was appended: the round is lost.
  class Link {
   public:
    Link(std::shared_ptr<Lineage> lineage, std::shared_ptr<const Reading> from,
         std::shared_ptr<const Reading> to, uint64_t branch);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // StatementRound::before_append. False: the round must not be appended.
    bool BeforeAppend(uint64_t incarnation, uint64_t sequence);
    // The queue refused the round: head goes back to where it started.
    void Withdraw();

   private:
    const std::shared_ptr<Lineage> lineage_;
    const std::shared_ptr<const Reading> from_;
    const std::shared_ptr<const Reading> to_;
    const uint64_t branch_;
    bool settled_ = false;  // appended or withdrawn
  };

  // Loads the baseline, if there is one. `directory` exists.
  Lineage(std::string directory, const ServerId& server);

  // The reading that the next round starts from; null: there was none yet.
  [[nodiscard]] std::shared_ptr<const Reading> Head() const;

  // The first reading of a server: nothing to send. Makes it durable at once.
  shared::Result<void> Begin(std::shared_ptr<const Reading> first);

  // Moves head to `to`, for a round that starts at `from`, which was head when the round was made.
  // (If a loss has put head back meanwhile, the round will not fit and be refused.) The link goes
  // into the round; std::function wants copies, hence shared_ptr.
  std::shared_ptr<Link> Append(std::shared_ptr<const Reading> from,
                               std::shared_ptr<const Reading> to);

  // Why the last baseline could not be written; nullopt: it could.
  [[nodiscard]] std::optional<shared::Error> write_error() const;

 private:
  struct State {
    std::shared_ptr<const Reading> committed;
    std::shared_ptr<const Reading> head;
    uint64_t branch = 0;  // grows when head goes back: links of earlier branches are dead wood
    std::optional<shared::Error> write_error;
  };
  shared::Guarded<State> state_;
  // Written by Begin before the first round exists, by the batcher's thread after that.
  BaselineFiles files_;
};

// The lineages of all servers, shared by the pollers, so that a target that is set up anew (a
// reload, a fail-over back) goes on with the rounds of its predecessor that still wait in the
// queue. Thread-safe.
class Baselines {
 public:
  // Makes `directory` and settles what it holds: see SettleBaselines.
  static shared::Result<std::unique_ptr<Baselines>> Open(std::string directory,
                                                         const SpoolMark& last_appended);

  std::shared_ptr<Lineage> Get(const ServerId& server);

 private:
  explicit Baselines(std::string directory) : directory_(std::move(directory)) {}
  const std::string directory_;
  shared::Guarded<std::map<ServerId, std::weak_ptr<Lineage>>> open_;
};

}  // namespace agent::postgres::statements
