namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public interface IModule<T, TResult>
        {
            TResult call(T input1);
        }

        public abstract class Module<T, TResult>(string name)
            : HookableModule<Func<Module<T, TResult>, T, T>, Func<Module<T, TResult>, T, TResult, TResult>>(name), IModule<T, TResult>
        {
            public abstract TResult forward(T input);

            public TResult call(T input)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input) is { } modified)
                        {
                            input = modified;
                        }
                    }
                }
                var result = forward(input);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }

        public interface IModule<T1, T2, TResult>
        {
            TResult call(T1 input1, T2 input2);
        }

        public abstract class Module<T1, T2, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, TResult>, T1, T2, (T1, T2)?>, Func<Module<T1, T2, TResult>, T1, T2, TResult, TResult>>(name), IModule<T1, T2, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2);

            public TResult call(T1 input1, T2 input2)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input1, input2) is { } modified)
                        {
                            (input1, input2) = modified;
                        }
                    }
                }
                var result = forward(input1, input2);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input1, input2, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }

        public interface IModule<T1, T2, T3, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3);
        }

        public abstract class Module<T1, T2, T3, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, TResult>, T1, T2, T3, (T1, T2, T3)?>, Func<Module<T1, T2, T3, TResult>, T1, T2, T3, TResult, TResult>>(name), IModule<T1, T2, T3, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3);

            public TResult call(T1 input1, T2 input2, T3 input3)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3) is { } modified)
                        {
                            (input1, input2, input3) = modified;
                        }
                    }
                }
                var result = forward(input1, input2, input3);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }

        public interface IModule<T1, T2, T3, T4, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3, T4 input4);
        }

        public abstract class Module<T1, T2, T3, T4, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, T4, TResult>, T1, T2, T3, T4, (T1, T2, T3, T4)?>, Func<Module<T1, T2, T3, T4, TResult>, T1, T2, T3, T4, TResult, TResult>>(name), IModule<T1, T2, T3, T4, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4);

            public TResult call(T1 input1, T2 input2, T3 input3, T4 input4)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4) is { } modified)
                        {
                            (input1, input2, input3, input4) = modified;
                        }
                    }
                }
                var result = forward(input1, input2, input3, input4);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }

        public interface IModule<T1, T2, T3, T4, T5, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5);
        }

        public abstract class Module<T1, T2, T3, T4, T5, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, T4, T5, TResult>, T1, T2, T3, T4, T5, (T1, T2, T3, T4, T5)?>, Func<Module<T1, T2, T3, T4, T5, TResult>, T1, T2, T3, T4, T5, TResult, TResult>>(name), IModule<T1, T2, T3, T4, T5, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5);

            public TResult call(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4, input5) is { } modified)
                        {
                            (input1, input2, input3, input4, input5) = modified;
                        }
                    }
                }
                var result = forward(input1, input2, input3, input4, input5);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4, input5, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }

        public interface IModule<T1, T2, T3, T4, T5, T6, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5, T6 input6);
        }

        public abstract class Module<T1, T2, T3, T4, T5, T6, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, T4, T5, T6, TResult>, T1, T2, T3, T4, T5, T6, (T1, T2, T3, T4, T5, T6)?>, Func<Module<T1, T2, T3, T4, T5, T6, TResult>, T1, T2, T3, T4, T5, T6, TResult, TResult>>(name), IModule<T1, T2, T3, T4, T5, T6, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5, T6 input6);

            public TResult call(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5, T6 input6)
            {
                RunModuleHooks(module_pre_hooks);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4, input5, input6) is { } modified)
                        {
                            (input1, input2, input3, input4, input5, input6) = modified;
                        }
                    }
                }
                var result = forward(input1, input2, input3, input4, input5, input6);
                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values)
                    {
                        if (hook(this, input1, input2, input3, input4, input5, input6, result) is { } modified)
                        {
                            result = modified;
                        }
                    }
                }
                RunModuleHooks(module_post_hooks);
                return result;
            }
        }
    }
}
