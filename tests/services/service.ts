/** What a test gets when it asks for a server. */

/** The life of a server. */
export interface Service {
  /** Ends the server in an orderly way and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL: a crash. The data stays, for `restart`. */
  kill(): Promise<void>;
  /** Starts the server again on the same data and port; ends it first when it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: the server holds its connections but answers nothing. */
  pause(): Promise<void>;
  /** SIGCONT: ends a pause. */
  resume(): Promise<void>;
}

/** A Kafka node that answers. */
export interface KafkaService extends Service {
  /** `host:port`, several separated by commas. */
  readonly brokers: string;
}

/** An OpenSearch node that answers. */
export interface OpenSearchService extends Service {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
}

/** How a server is to be started. */
export interface StartOptions {
  /** Settings by the names of server.properties or opensearch.yml; they win over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The port for clients on the loopback interface; by default a random free one. */
  readonly port?: number;
  /** For OpenSearch on a JDK of this machine; they win over the defaults. */
  readonly jvmFlags?: readonly string[];
}
