// registry.ts: the accounts as a server asks for them, wherever they are kept: in a file of its own (accounts.ts), or where several
// servers share them. Only what it is.

export type Role = "host" | "member";
export interface Account {
  readonly password: string; // an argon2id hash in PHC form
  readonly role?: unknown; // "host"; anything else, or none, is a member
  readonly [field: string]: unknown; // for programs that know it
}

/** What rejects, rejects when the accounts cannot be read or written just now. */
export interface Registry {
  /** How often accounts may have been replaced or removed, as far as this server has heard. */
  readonly revision: number;
  /** The names of the hosts, sorted. */
  hosts(): string[];
  isHost(name: string): boolean;
  /** False only if there is surely no account of this name; where that would have to be asked, storing what is written to it tells. */
  mayExist(name: string): boolean;
  get(name: string): Promise<Account | undefined>;
  /** The accounts of these names, as far as there are any. */
  getAll(names: readonly string[]): Promise<ReadonlyMap<string, Account>>;
  /** Of these names, those that nobody can register: somebody has them, or had them. */
  taken(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** Adds an account; false if the name is taken. Resolves when it is safe on disk. */
  add(name: string, account: Account): Promise<boolean>;
  /** Makes an account a host, or a member; false if there is none. Resolves when it is safe on disk. */
  setRole(name: string, role: Role): Promise<boolean>;
  /** Picks up what somebody else wrote. True if there was something. Throws, once, about what cannot be used, and goes on with the
   *  accounts as they were. */
  refresh(): boolean;
}
