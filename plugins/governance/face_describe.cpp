// The manifest's part of the face: its queries, files and config keys.
#include "plugins/governance/face.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

void describe_histories(tb::Plugin& p) {
  auto& history = p.query("gov.param_history", &Face::param_history)
                      .alias("governance.param_history")
                      .role("open")
                      .summary("Changes of parameters, newest first, as this node has seen them")
                      .field("key")
                      .max(128)
                      .field("since_epoch")
                      .field("cursor")
                      .help("changes with a smaller seq")
                      .field("limit")
                      .defaulted();
  verb(history, "gov param history", {"gov params history"})
      .list("changes")
      .columns({"epoch", "key", "old_value", "new_value", "event", "proposal_id"})
      .id_field("seq");
  auto& diff = p.query("gov.param_diff", &Face::param_diff)
                   .role("open")
                   .summary("Parameters that differ from their defaults, or from an epoch's start")
                   .error(kHistoryTooShort, "more changes since than this node keeps")
                   .field("epoch")
                   .help("compare with the values at the start of this epoch");
  verb(diff, "gov param diff", {"gov params diff"})
      .list("params")
      .columns({"key", "default", "then", "value"})
      .id_field("key")
      .example("contract-cli gov param diff --epoch 7",
               "what has changed since epoch 7 began: then, and now");
  verb(p.query("gov.dependency_policy_history", &Face::policy_history)
           .role("open")
           .summary("Which runtimes, transports and storage engines were allowed since when"),
       "gov param policy-history")
      .list("history")
      .columns({"epoch", "kind", "allowed", "proposal_id"});
  verb(p.query("gov.energy_settlement_history", &Face::settlement_history)
           .role("open")
           .summary("Changes of the energy market's settlement mode, newest first")
           .error(kHistoryReadFailed),
       "gov energy-settlement history", {"gov energy-settlement timeline"});
}

void describe_provenance(tb::Plugin& p) {
  auto& list = p.query("gov.provenance", &Face::provenance)
                   .role("open")
                   .summary("The provenance log, newest first")
                   .field("cursor")
                   .field("id")
                   .help("entries of this disbursement")
                   .field("limit")
                   .defaulted();
  verb(list, "gov provenance list")
      .list("entries")
      .columns({"seq", "hash", "entry"})
      .id_field("seq");
  verb(p.query("gov.provenance_verify", &Face::verify)
           .role("open")
           .summary("Recompute the provenance chain, and compare it with state and file"),
       "gov provenance verify")
      .ok_member("ok");
  auto& write = p.local("gov.provenance_export", &Face::export_provenance)
                    .role("operator")
                    .summary("Write provenance.json anew")
                    .field("out")
                    .help("another file name, beside provenance.json");
  verb(write, "gov provenance export").ok_member("ok");
}

}  // namespace

void describe_face(tb::Plugin& p) {
  p.face<Face>();
  p.on_event(&Face::on_event).on_commit(&Face::on_commit).on_reply(&Face::on_reply);
  p.timer("files", 1000, &Face::write_later);
  p.route("GET", "/governance/energy/settlement/history", &Face::http_settlements)
      .role("open")
      .summary("Changes of the energy market's settlement mode, newest first");
  p.config(kDirectory, "directory", "${data}/governance")
      .unit("folder")
      .help("where provenance.json and the history files are written");
  p.config(kProvenancePath, "provenance_path", "")
      .env("TB_GOV_PROVENANCE_PATH")
      .unit("file")
      .help("provenance.json, if not in the directory");
  p.config(kMirrorFolder, "db_path", "${data}/governance_db")
      .env("TB_GOV_DB_PATH,TB_GOVERNANCE_DB_PATH")
      .mirror_copy({"treasury"})
      .unit("folder")
      .help("copy of governance's rows and history/, and of the treasury's in treasury/");
  describe_histories(p);
  describe_provenance(p);
}

}  // namespace governance
