import { expect, test } from "bun:test";
import { KonnError } from "../../../core/base/errors.ts";
import {
  canonicalAddress,
  formatAddress,
  parseAddress,
} from "../../../core/connectors/kafka/address.ts";

test("parseAddress() does read names, IPv4 and IPv6 addresses, with and without a port", () => {
  expect(parseAddress("Kafka.Example:19092")).toEqual({ host: "kafka.example", port: 19092 });
  expect(parseAddress("127.0.0.1:1")).toEqual({ host: "127.0.0.1", port: 1 });
  expect(parseAddress("kafka")).toEqual({ host: "kafka", port: 9092 });
  expect(parseAddress("[::1]:9093")).toEqual({ host: "::1", port: 9093 });
});

test("parseAddress() does refuse what is no address, and shows no password", () => {
  for (const text of ["", ":9092", "a:b", "a:0", "a:65536", "kafka://a:1", "::1:9092", "a b:1"]) {
    expect(() => parseAddress(text)).toThrow(KonnError);
  }
  expect(() => parseAddress("user:secret@host:9092")).toThrow(
    'Cannot use the broker address "host:9092": it is not HOST:PORT',
  );
});

test("formatAddress() does what parseAddress() reads", () => {
  expect(formatAddress({ host: "::1", port: 9092 })).toBe("[::1]:9092");
  expect(formatAddress({ host: "kafka", port: 9092 })).toBe("kafka:9092");
});

test("canonicalAddress() does not depend on order, case or repetition", () => {
  expect(canonicalAddress({ clusterId: null, brokers: ["B:2", "a:1", "b:2"] }, ["y", "x"])).toBe(
    "kafka://a:1,b:2/x,y",
  );
});

test("canonicalAddress() knows a cluster by its id, whatever brokers were named", () => {
  const addresses = [["a:1"], ["a:1", "b:2"]].map((brokers) =>
    canonicalAddress({ clusterId: "cluster-id", brokers }, ["t"]),
  );
  expect(addresses).toEqual(["kafka://cluster-id/t", "kafka://cluster-id/t"]);
});

test("canonicalAddress() takes the names of this machine for one place", () => {
  for (const broker of ["localhost:1", "127.0.0.1:1", "[::1]:1"]) {
    expect(canonicalAddress({ clusterId: null, brokers: [broker] }, ["t"])).toBe(
      "kafka://localhost:1/t",
    );
  }
});
