export const credentialsFile: string;
