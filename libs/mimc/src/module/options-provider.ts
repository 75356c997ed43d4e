import type { FactoryProvider, InjectionToken, Provider } from '@nestjs/common';

/**
 * The provider of a module's options, and all others. It is not registered, as it would show the secrets to all code that looks
 * into the container: what is made of the options calls its factory.
 */
export function withoutOptions<T>(token: InjectionToken, providers: readonly Provider[] = []) {
  const isOptions = (provider: Provider): provider is FactoryProvider<T> =>
    'provide' in provider && provider.provide === token;
  const others = providers.filter((provider) => !isOptions(provider));
  const options = providers.find(isOptions);
  if (options === undefined) throw new TypeError('The module has no options');
  return { options, others };
}
