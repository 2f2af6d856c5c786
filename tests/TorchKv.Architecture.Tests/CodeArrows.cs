using Mono.Cecil;
using Mono.Cecil.Cil;

namespace TorchKv.Architecture.Tests;

/// <summary>The arrows between namespaces that compiled code has: signatures, fields, attributes and method bodies.</summary>
internal sealed class CodeArrows
{
    private readonly Dictionary<(string From, string To), string> _examples = [];
    private readonly HashSet<string> _assemblies;

    private CodeArrows(IEnumerable<string> assemblies) => _assemblies = [.. assemblies];

    /// <summary>Every arrow, with one member that it comes from.</summary>
    public IReadOnlyDictionary<(string From, string To), string> Examples => _examples;

    /// <summary>Every namespace that declares a type.</summary>
    public SortedSet<string> Namespaces { get; } = [];

    /// <summary>Reads assemblies that lie beside the test.</summary>
    /// <param name="names">Their names; arrows to other assemblies do not count.</param>
    public static CodeArrows Of(params string[] names)
    {
        var arrows = new CodeArrows(names);
        foreach (var name in names)
        {
            using var module = ModuleDefinition.ReadModule(Path.Combine(AppContext.BaseDirectory, name + ".dll"));
            foreach (var type in module.GetTypes())
            {
                arrows.Add(type);
            }
        }

        return arrows;
    }

    private void Add(TypeDefinition type)
    {
        var from = NamespaceOf(type);
        if (!from.StartsWith("TorchKv", StringComparison.Ordinal))
        {
            // Made by the compiler or a source generator: it has no place in a folder.
            return;
        }

        if (!type.Name.StartsWith('<') && type.DeclaringType is null)
        {
            Namespaces.Add(from);
        }

        Add(from, type.FullName, type.BaseType);
        AddAttributes(from, type.FullName, type);
        AddGenerics(from, type.FullName, type);
        foreach (var implemented in type.Interfaces)
        {
            Add(from, type.FullName, implemented.InterfaceType);
        }

        foreach (var field in type.Fields)
        {
            Add(from, field.FullName, field.FieldType);
            AddAttributes(from, field.FullName, field);
        }

        foreach (var property in type.Properties)
        {
            AddAttributes(from, property.FullName, property);
        }

        foreach (var method in type.Methods)
        {
            AddMethod(from, method);
        }
    }

    private void AddMethod(string from, MethodDefinition method)
    {
        Add(from, method.FullName, method.ReturnType);
        AddAttributes(from, method.FullName, method);
        AddGenerics(from, method.FullName, method);
        foreach (var parameter in method.Parameters)
        {
            Add(from, method.FullName, parameter.ParameterType);
        }

        if (!method.HasBody)
        {
            return;
        }

        foreach (var variable in method.Body.Variables)
        {
            Add(from, method.FullName, variable.VariableType);
        }

        foreach (var handler in method.Body.ExceptionHandlers)
        {
            Add(from, method.FullName, handler.CatchType);
        }

        foreach (var instruction in method.Body.Instructions)
        {
            AddOperand(from, method.FullName, instruction);
        }
    }

    private void AddOperand(string from, string member, Instruction instruction)
    {
        switch (instruction.Operand)
        {
            case TypeReference type:
                Add(from, member, type);
                break;
            case FieldReference field:
                Add(from, member, field.DeclaringType);
                Add(from, member, field.FieldType);
                break;
            case MethodReference method:
                Add(from, member, method.DeclaringType);
                Add(from, member, method.ReturnType);
                foreach (var parameter in method.Parameters)
                {
                    Add(from, member, parameter.ParameterType);
                }

                if (method is GenericInstanceMethod generic)
                {
                    foreach (var argument in generic.GenericArguments)
                    {
                        Add(from, member, argument);
                    }
                }

                break;
        }
    }

    private void AddGenerics(string from, string member, IGenericParameterProvider provider)
    {
        foreach (var constraint in provider.GenericParameters.SelectMany(parameter => parameter.Constraints))
        {
            Add(from, member, constraint.ConstraintType);
        }
    }

    private void AddAttributes(string from, string member, ICustomAttributeProvider provider)
    {
        foreach (var attribute in provider.CustomAttributes)
        {
            Add(from, member, attribute.AttributeType);
        }
    }

    private void Add(string from, string member, TypeReference? type)
    {
        switch (type)
        {
            case null or GenericParameter:
                return;
            case GenericInstanceType generic:
                foreach (var argument in generic.GenericArguments)
                {
                    Add(from, member, argument);
                }

                break;
            case FunctionPointerType pointer:
                Add(from, member, pointer.ReturnType);
                foreach (var parameter in pointer.Parameters)
                {
                    Add(from, member, parameter.ParameterType);
                }

                return;
        }

        if (type is TypeSpecification specification)
        {
            Add(from, member, specification.ElementType);
            return;
        }

        var scope = type.Scope is ModuleDefinition module ? module.Assembly.Name.Name : type.Scope.Name;
        var to = NamespaceOf(type);
        if (to.StartsWith("TorchKv", StringComparison.Ordinal) && to != from && _assemblies.Contains(scope))
        {
            _examples.TryAdd((from, to), member);
        }
    }

    private static string NamespaceOf(TypeReference type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type.Namespace;
    }
}
