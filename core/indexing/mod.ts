export { foldBatch, KEY_MAX_BYTES, type FoldOptions, type FoldResult } from "./fold_batch.ts";
export { KnownDocuments } from "./known_documents.ts";
export { type Mutation, versionOf } from "./mutation.ts";
export {
  type OnTruncate,
  refuseTruncate,
  refuseUnorderedRows,
  TableTruncatedError,
} from "./refuse.ts";
