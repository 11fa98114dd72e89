/** Where the fields of a record batch of magic 2 are, in bytes from its beginning. */
export const LAYOUT = {
  LENGTH_AT: 8,
  LEADER_EPOCH_AT: 12,
  /** The length field counts what stands behind itself. */
  LENGTH_BASE_BYTES: 12,
  MAGIC_AT: 16,
  CRC_AT: 17,
  ATTRIBUTES_AT: 21,
  LAST_OFFSET_DELTA_AT: 23,
  BASE_TIMESTAMP_AT: 27,
  MAX_TIMESTAMP_AT: 35,
  PRODUCER_ID_AT: 43,
  PRODUCER_EPOCH_AT: 51,
  BASE_SEQUENCE_AT: 53,
  RECORD_COUNT_AT: 57,
  RECORDS_AT: 61,
} as const;

export const MAGIC = 2;

/** In the attributes: the batch is part of a transaction. */
export const TRANSACTIONAL_BIT = 0x10;
